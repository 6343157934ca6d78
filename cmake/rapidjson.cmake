# RapidJSON, except that running out of memory is an exception.
#
# Its CrtAllocator hands on what malloc answers, null as well, and its values, stacks and buffers write there: under a
# memory limit that ends the process. There is no macro for it in release 1.1.0 (the later RAPIDJSON_MALLOC has none for
# the check either), so all headers are copied and the two calls are wrapped. SIGHTLINE_RAPIDJSON is the folder to
# include from, before the system's.
find_path(RAPIDJSON_HEADERS rapidjson/allocators.h REQUIRED)
set(SIGHTLINE_RAPIDJSON ${CMAKE_BINARY_DIR}/rapidjson)
file(COPY ${RAPIDJSON_HEADERS}/rapidjson DESTINATION ${SIGHTLINE_RAPIDJSON} PATTERN allocators.h EXCLUDE)

file(READ ${RAPIDJSON_HEADERS}/rapidjson/allocators.h original)
string(REGEX REPLACE
  "return ((std::malloc|RAPIDJSON_MALLOC)\\(size\\)|(std::realloc|RAPIDJSON_REALLOC)\\(originalPtr, newSize\\));"
  "return existing(\\1);" changed "${original}")
string(REPLACE "class CrtAllocator {"
  "/*! Sightline's: memory, or an exception. */\ninline void* existing(void* memory) {\n    if (!memory) throw std::bad_alloc();\n    return memory;\n}\n\nclass CrtAllocator {"
  changed "${changed}")
string(REPLACE "#include \"rapidjson.h\"" "#include \"rapidjson.h\"\n#include <new>" changed "${changed}")
string(REGEX MATCHALL "existing\\(" wrapped "${changed}")
list(LENGTH wrapped count)
if(NOT count EQUAL 3)
  message(FATAL_ERROR "${RAPIDJSON_HEADERS}/rapidjson/allocators.h is not as expected: see cmake/rapidjson.cmake")
endif()
set(copy ${SIGHTLINE_RAPIDJSON}/rapidjson/allocators.h)
set(present "")
if(EXISTS ${copy})
  file(READ ${copy} present)
endif()
if(NOT present STREQUAL changed)  # a new time stamp would build everything again
  file(WRITE ${copy} "${changed}")
endif()
