# What every target of the project shares: language level, warnings, sanitizers, ccache, linker.
#
#   sightline_add_library(NAME SOURCES... [PUBLIC_LINK ...] [PRIVATE_LINK ...] [PRECOMPILE headers...])
#   sightline_add_program(NAME SOURCES... [LINK ...])      goes to <build>/bin
#   sightline_add_test(NAME SOURCES... [LINK ...])         one doctest binary, run by ctest

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers carry time stamps and macros; without these two settings ccache refuses them.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(sightline_options INTERFACE)
target_include_directories(sightline_options INTERFACE ${CMAKE_SOURCE_DIR})
include(rapidjson)
target_include_directories(sightline_options SYSTEM BEFORE INTERFACE ${SIGHTLINE_RAPIDJSON})
target_compile_definitions(sightline_options INTERFACE
  SIGHTLINE_VERSION="${PROJECT_VERSION}" RAPIDJSON_HAS_STDSTRING=1)
if(NOT SIGHTLINE_SANITIZE)
  # Scans in aligned blocks of 16 bytes, also past a string's end: harmless, but address sanitizers see it.
  target_compile_definitions(sightline_options INTERFACE RAPIDJSON_SSE2)
endif()
target_compile_options(sightline_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # With a precompiled header gcc needs the dependency file to name it, or an edit of a header goes unseen.
  target_compile_options(sightline_options INTERFACE -fpch-preprocess)
  # gcc 12 sees overlap in operator+(const char*, std::string&&), where there is none (gcc bug 105651).
  target_compile_options(sightline_options INTERFACE -Wno-restrict)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # What newer ones conclude from inlined library code is shown, and stops no build: it differs by version, and
    # gcc 14 sees the same place as out of bounds.
    target_compile_options(sightline_options INTERFACE
      -Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=stringop-overread -Wno-error=maybe-uninitialized
      -Wno-error=dangling-reference)
  endif()
endif()
if(SIGHTLINE_SANITIZE)
  # no-recover: gcc's undefined-behaviour sanitizer would only print what it finds, and tests would pass all the same.
  target_compile_options(sightline_options INTERFACE
    -fsanitize=${SIGHTLINE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  # gcc 12 sees uninitialized members in std::regex once it is instrumented (gcc bug 105562).
  target_compile_options(sightline_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(sightline_options INTERFACE -fsanitize=${SIGHTLINE_SANITIZE})
endif()

if(SIGHTLINE_FUZZ)
  # What clang alone warns of is for scripts/tidy.sh to say.
  target_compile_options(sightline_options INTERFACE -fsanitize=fuzzer-no-link -Wno-error
    -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/fuzz/sanitizer_ignore.txt)
endif()

function(sightline_add_library name)
  cmake_parse_arguments(ARG "" "" "PUBLIC_LINK;PRIVATE_LINK;PRECOMPILE" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC_LINK} PRIVATE sightline_options ${ARG_PRIVATE_LINK})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
  endif()
endfunction()

function(sightline_add_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE sightline_options ${ARG_LINK} Threads::Threads)
endfunction()

function(sightline_add_test name)
  cmake_parse_arguments(ARG "" "" "LINK;PRECOMPILE" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS} ${CMAKE_SOURCE_DIR}/tests/main.cpp ${CMAKE_SOURCE_DIR}/tests/source_folder.cpp)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/tests/source_folder.cpp PROPERTIES
    COMPILE_DEFINITIONS SIGHTLINE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}" SKIP_PRECOMPILE_HEADERS ON)
  target_link_libraries(${name} PRIVATE sightline_options ${ARG_LINK} Threads::Threads)
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set(limit 300)
  if(SIGHTLINE_SANITIZE)
    set(limit 1500)
  endif()
  # Sanitizers take several times as long. Tests of memory that cannot be had expect a null pointer, as without them.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${limit}
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/thread_sanitizer.supp;ASAN_OPTIONS=allocator_may_return_null=1")
endfunction()
