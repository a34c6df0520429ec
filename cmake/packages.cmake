# `make deb`: two packages for the Debian that they are built on.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME signalbox)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the Signalbox maintainers <signalbox@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL service development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_SERVICE_PACKAGE_NAME signalbox)
set(CPACK_DEBIAN_SERVICE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVICE_DESCRIPTION
    "REST service of the FastAPI async tutorial, in C++20\n With a unit for systemd, which is not started before its database is set.")
# Asked from the binary, by dpkg-shlibdeps.
set(CPACK_DEBIAN_SERVICE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVICE_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/deploy/debian/postinst;${PROJECT_SOURCE_DIR}/deploy/debian/prerm;${PROJECT_SOURCE_DIR}/deploy/debian/postrm")
set(CPACK_DEBIAN_SERVICE_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# Nothing links the archive before a service does, so nobody can be asked what that needs.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libsignalbox-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "C++20 library for REST services: headers, archive, CMake package\n Endpoints from functions, PostgreSQL, metrics, logs, drain.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "g++, cmake (>= 3.25), pkg-config | pkgconf, libpistache-dev, libasio-dev, libpqxx-dev, libpq-dev, prometheus-cpp-dev, libcurl4-openssl-dev, zlib1g-dev, libzstd-dev, libspdlog-dev, libfmt-dev, libcli11-dev, rapidjson-dev, libre2-dev, python3")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "ninja-build, libgtest-dev, postgresql, inotify-tools, mold")

include(CPack)
