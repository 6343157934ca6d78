# cmake --install BUILD [--prefix PREFIX]: programs, scripts with what they read, man pages, completions and documentation.
#
#   bin/                    the programs, and a link sightline-NAME to each script that users call
#   share/sightline/        scripts/, es_config/, demo/ and .env.example, as in the repository (scripts/places.bash finds them)
#   share/man/man1/         made from --help, like the completions (cmake/manual)
#   share/doc/sightline/    README.md, docs/, licences
#   lib/systemd/system/, etc/sightline/   the service and its settings (/etc for the prefix /usr)
#
# The folder may be moved afterwards, except for the service, which has the prefix in it.
include(GNUInstallDirs)
set(CMAKE_INSTALL_DOCDIR ${CMAKE_INSTALL_DATAROOTDIR}/doc/sightline)
set(shared ${CMAKE_INSTALL_DATADIR}/sightline)

set(programs sightline-server sightline-ingest sightline-eval)
# The scripts that users call, each also as the command sightline-NAME.
set(user_scripts register_endpoints search load_demo make_api_key download_model verify_model)

install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(script IN LISTS user_scripts)
  string(REPLACE _ - command sightline-${script})
  list(APPEND commands ${command})
  install(PROGRAMS scripts/${script}.sh DESTINATION ${shared}/scripts)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/links)
  file(CREATE_LINK ../${shared}/scripts/${script}.sh ${CMAKE_BINARY_DIR}/links/${command} SYMBOLIC)
  install(FILES ${CMAKE_BINARY_DIR}/links/${command} DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()
install(FILES scripts/places.bash scripts/messages.bash scripts/settings.bash scripts/elasticsearch_requests.bash DESTINATION ${shared}/scripts)
install(DIRECTORY scripts/verify_model DESTINATION ${shared}/scripts PATTERN __pycache__ EXCLUDE)
install(DIRECTORY es_config demo DESTINATION ${shared})
install(FILES .env.example DESTINATION ${shared})

install(FILES README.md CHANGELOG.md LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Of the libraries and the font within the page, which is compiled into the server.
install(DIRECTORY server/web/vendored/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/page_licences FILES_MATCHING PATTERN "*.LICENSE" PATTERN sources EXCLUDE)

# The service. Its files have the prefix in them, which is only fixed now.
install(CODE "
  set(PREFIX \"\${CMAKE_INSTALL_PREFIX}\")
  set(ETC \"\${PREFIX}/etc\")
  if(PREFIX STREQUAL \"/usr\")
    set(ETC /etc)
  endif()
  set(source \"${CMAKE_SOURCE_DIR}/packaging\")
  foreach(unit sightline.service sightline-demo.service)
    configure_file(\${source}/systemd/\${unit}.in \"\$ENV{DESTDIR}\${PREFIX}/lib/systemd/system/\${unit}\" @ONLY)
  endforeach()
  # Settings that somebody has changed stay.
  if(NOT EXISTS \"\$ENV{DESTDIR}\${ETC}/sightline/sightline.env\")
    configure_file(\${source}/sightline.env.in \"\$ENV{DESTDIR}\${ETC}/sightline/sightline.env\" @ONLY)
  endif()")

# Sanitizers need an environment of their own, and print to the help.
if(SIGHTLINE_SANITIZE)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(manual ${CMAKE_BINARY_DIR}/manual)
list(JOIN programs "," others)
string(REPLACE ";" "," joined_commands "${commands}")
string(APPEND others "," ${joined_commands})

# make_manual(COMMAND DEPENDS file or target; ARGUMENTS the rest of make_manual.py's)
function(make_manual command)
  cmake_parse_arguments(ARG "" "" "DEPENDS;ARGUMENTS" ${ARGN})
  add_custom_command(OUTPUT ${manual}/${command}.1.gz ${manual}/${command}.bash ${manual}/_${command} ${manual}/${command}.fish
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/cmake/manual/make_manual.py --command ${command} --version ${PROJECT_VERSION} --out ${manual}
      --others ${others} ${ARG_ARGUMENTS}
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/manual/make_manual.py ${ARG_DEPENDS} VERBATIM)
  install(FILES ${manual}/${command}.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${manual}/${command}.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${command})
  install(FILES ${manual}/${command}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  # Debian's zsh reads vendor-completions below /usr, and site-functions below /usr/local.
  install(CODE "
    if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
      set(completions ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
    else()
      set(completions ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    endif()
    file(INSTALL \"${manual}/_${command}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${completions}\")")
endfunction()

foreach(program IN LISTS programs)
  set(more ${CMAKE_SOURCE_DIR}/cmake/manual/${program}.roff)
  if(EXISTS ${more})
    make_manual(${program} DEPENDS ${program} ${more} ARGUMENTS --more ${more} -- $<TARGET_FILE:${program}>)
  else()
    make_manual(${program} DEPENDS ${program} ARGUMENTS -- $<TARGET_FILE:${program}>)
  endif()
  list(APPEND pages ${manual}/${program}.1.gz)
endforeach()
foreach(script command IN ZIP_LISTS user_scripts commands)
  set(file ${CMAKE_SOURCE_DIR}/scripts/${script}.sh)
  make_manual(${command} DEPENDS ${file} ARGUMENTS --script -- ${file})
  list(APPEND pages ${manual}/${command}.1.gz)
endforeach()
add_custom_target(manual ALL DEPENDS ${pages})
