# A Debian package: scripts/package.sh, or `cpack -G DEB --config build/release/CPackConfig.cmake` after the build.
#
# It is for the Debian release that it was built on: the libraries come from Debian's packages, whose names and versions dpkg-shlibdeps
# finds. The release is in the version (0.1.0-1~deb12), so that an upgrade of Debian brings the package of the new release.
file(STRINGS /etc/os-release debian_release REGEX "^VERSION_ID=")
string(REGEX REPLACE "[^0-9.]" "" debian_release "${debian_release}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sightline)
set(SIGHTLINE_MAINTAINER "Sightline's developers <developers@sightline.example>" CACHE STRING "Maintainer of the Debian package: NAME <ADDRESS>")
set(CPACK_PACKAGE_CONTACT ${SIGHTLINE_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "image and text embeddings inside Elasticsearch")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_STRIP_FILES ON)
# Also for absolute paths (/etc), and so that the service gets /usr as its prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1~deb${debian_release})
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, curl, jq, openssl, libopenblas0-openmp")
if(NOT debian_release EQUAL 12)
  # libheif's decoder of HEVC, which Debian 12 has in the library itself.
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libheif-plugin-libde265")
endif()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3")  # sightline-verify-model
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A server that embeds texts and pictures with CLIP, jina-clip and SigLIP
models: as an inference endpoint of Elasticsearch, as a gateway in front of
a cluster, or with an embedded store in the place of a cluster. With a web
page, a loader for folders of pictures, and a program that measures the
quality of models.")
foreach(file conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/${file})
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What Debian requires of a package beside its files. Only within the package: the paths are Debian's.
install(CODE "
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(PROJECT_VERSION ${PROJECT_VERSION})
    set(RELEASE ${CPACK_DEBIAN_PACKAGE_RELEASE})
    set(MAINTAINER \"${SIGHTLINE_MAINTAINER}\")
    set(source \"${CMAKE_SOURCE_DIR}/packaging/debian\")
    set(destination \"\$ENV{DESTDIR}/usr/share/doc/sightline\")
    # The time of the last commit, or SOURCE_DATE_EPOCH: the same sources give the same package.
    if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
      execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} log -1 --format=%ct OUTPUT_VARIABLE time OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      if(time)
        set(ENV{SOURCE_DATE_EPOCH} \${time})
      endif()
    endif()
    string(TIMESTAMP DATE \"%a, %d %b %Y %H:%M:%S +0000\" UTC)
    configure_file(\${source}/changelog.in \"\${destination}/changelog.Debian\" @ONLY)
    execute_process(COMMAND gzip -9nf \"\${destination}/changelog.Debian\" COMMAND_ERROR_IS_FATAL ANY)
    file(INSTALL \"\${source}/copyright\" DESTINATION \"/usr/share/doc/sightline\")
    file(INSTALL \"\${source}/sightline.lintian-overrides\" DESTINATION /usr/share/lintian/overrides RENAME sightline)
    # Debian's copyright names the licences; the text of the Apache licence is in /usr/share/common-licenses.
    file(REMOVE \"\${destination}/LICENSE\")
  endif()")

include(CPack)
