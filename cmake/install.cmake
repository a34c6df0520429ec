# Two components, which become two packages: the service, and what others build services with.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The service. The binary finds the migrations from where it is itself, so any prefix will do.
install(TARGETS signalbox COMPONENT service)
install(DIRECTORY migrations/ DESTINATION ${CMAKE_INSTALL_DATADIR}/signalbox/migrations
        COMPONENT service FILES_MATCHING PATTERN *.sql)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/signalbox COMPONENT service)
# Of what the library has inside for its pages. scripts/sbom finds it in images by the folders' names.
foreach(licence IN LISTS SIGNALBOX_DOCS_LICENCES)
  cmake_path(GET licence PARENT_PATH folder)
  install(FILES ${SIGNALBOX_DOCS_EMBEDDED}/${licence}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/signalbox/${folder} COMPONENT service)
endforeach()
if(SIGNALBOX_SYSTEMD)
  # Not below LIBDIR, which may name the architecture.
  configure_file(deploy/systemd/signalbox.service.in signalbox.service @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/signalbox.service DESTINATION lib/systemd/system
          COMPONENT service)
endif()

# The library: headers, archive, CMake package, and its source for builds with sanitizers.
set(SIGNALBOX_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/signalbox)
set(SIGNALBOX_SOURCE_DIR ${CMAKE_INSTALL_DATADIR}/signalbox/source)
install(TARGETS signalbox_core signalbox_testing EXPORT signalboxTargets
        ARCHIVE COMPONENT development
        FILE_SET HEADERS COMPONENT development)
install(EXPORT signalboxTargets NAMESPACE signalbox:: DESTINATION ${SIGNALBOX_CMAKE_DIR}
        COMPONENT development)
configure_package_config_file(cmake/signalboxConfig.cmake.in signalboxConfig.cmake
  INSTALL_DESTINATION ${SIGNALBOX_CMAKE_DIR} PATH_VARS SIGNALBOX_SOURCE_DIR CMAKE_INSTALL_BINDIR)
# What is before 1.0 may change with each minor version.
write_basic_package_version_file(signalboxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/signalboxConfig.cmake ${CMAKE_BINARY_DIR}/signalboxConfigVersion.cmake
        DESTINATION ${SIGNALBOX_CMAKE_DIR} COMPONENT development)
install(DIRECTORY src/signalbox DESTINATION ${SIGNALBOX_SOURCE_DIR}
        COMPONENT development)
# With the sanitizers its pages are the same, too.
if(SIGNALBOX_DOCS_EMBEDDED)
  install(DIRECTORY ${SIGNALBOX_DOCS_EMBEDDED}/ DESTINATION ${SIGNALBOX_SOURCE_DIR}/docs-assets
          COMPONENT development)
endif()
# Under the name that Debian's packages have it, which image builds collect: one file, with the licences
# of what is inside.
file(READ LICENSE copyright)
foreach(licence IN LISTS SIGNALBOX_DOCS_LICENCES)
  file(READ ${SIGNALBOX_DOCS_EMBEDDED}/${licence} text)
  string(APPEND copyright "\n\n==== ${licence} ====\n\n${text}")
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/copyright "${copyright}")
install(FILES ${CMAKE_BINARY_DIR}/copyright
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libsignalbox-dev COMPONENT development)

# The generator of services and what these call while they are written; the templates, and those of
# the library's own files that it takes as well. The image is built without any of them.
if(EXISTS ${PROJECT_SOURCE_DIR}/templates/derived)
  foreach(script new dev check-coroutines)
    install(PROGRAMS scripts/${script} DESTINATION ${CMAKE_INSTALL_BINDIR}
            RENAME signalbox-${script} COMPONENT development)
  endforeach()
  install(DIRECTORY templates/ DESTINATION ${CMAKE_INSTALL_DATADIR}/signalbox/templates
          USE_SOURCE_PERMISSIONS COMPONENT development)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS templates/derived)
  file(STRINGS templates/derived SIGNALBOX_DERIVED REGEX "^[^#]")
  foreach(line IN LISTS SIGNALBOX_DERIVED)
    string(REGEX REPLACE " .*" "" file "${line}")
    configure_file(${file} templates/${file} COPYONLY) # keeps what is executable so
  endforeach()
  install(DIRECTORY ${CMAKE_BINARY_DIR}/templates/
          DESTINATION ${CMAKE_INSTALL_DATADIR}/signalbox/templates/library
          USE_SOURCE_PERMISSIONS COMPONENT development)
endif()

include(cmake/packages.cmake)
