# Puts what scripts/docs-assets has fetched into the library. Such texts would cost a compiler minutes
# as literals, so the assembler takes the files in as they are.
#
# Reads SIGNALBOX_DOCS_ASSETS, the folder that scripts/docs-assets has filled; empty: build/docs-assets
# of this checkout, if it is complete. Sets SIGNALBOX_DOCS_SOURCES, to be compiled, and
# SIGNALBOX_DOCS_EMBEDDED: the folder that the files are from, or nothing; SIGNALBOX_DOCS_LICENCES: their
# licences in that folder.

set(SIGNALBOX_DOCS_EMBEDDED "${SIGNALBOX_DOCS_ASSETS}")
if(NOT SIGNALBOX_DOCS_EMBEDDED)
  cmake_path(SET SIGNALBOX_DOCS_EMBEDDED NORMALIZE ${CMAKE_CURRENT_SOURCE_DIR}/../../build/docs-assets)
endif()
# Noticed at the next build when they come or go.
file(GLOB_RECURSE ignored CONFIGURE_DEPENDS ${SIGNALBOX_DOCS_EMBEDDED}/*)

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS docs/assets.txt)
file(STRINGS docs/assets.txt lines REGEX "^[a-z]")
set(DOCS_ASSEMBLY "")
set(DOCS_DECLARATIONS "")
set(DOCS_TABLE "")
set(files "")
set(missing "")
set(SIGNALBOX_DOCS_LICENCES "")
foreach(line IN LISTS lines)
  string(REPLACE " " ";" line "${line}")
  list(POP_FRONT line kind name detail checksum)
  if(kind STREQUAL "package")
    set(package ${name}@${detail})
  elseif(kind STREQUAL "file")
    set(file ${SIGNALBOX_DOCS_EMBEDDED}/${package}/${name}.gz)
    if(NOT EXISTS ${file})
      list(APPEND missing ${file})
    endif()
    list(LENGTH files index)
    list(APPEND files ${file})
    set(symbol signalbox_docs_asset_${index})
    string(APPEND DOCS_ASSEMBLY "${symbol}:\n.incbin \"${file}\"\n${symbol}_end:\n")
    string(APPEND DOCS_DECLARATIONS
           "extern const char ${symbol}[];\nextern const char ${symbol}_end[];\n")
    string(APPEND DOCS_TABLE
           "    {\"/docs/assets/${package}/${name}\", \"${detail}\", \"${checksum}\", DATA(${symbol})},\n")
  elseif(kind STREQUAL "licence")
    list(APPEND SIGNALBOX_DOCS_LICENCES ${package}/${name})
  endif()
endforeach()
set(DOCS_EMBEDDED 1)
if(missing)
  if(SIGNALBOX_DOCS_ASSETS)
    message(FATAL_ERROR "SIGNALBOX_DOCS_ASSETS: not there: ${missing}; scripts/docs-assets fetches it")
  endif()
  set(DOCS_EMBEDDED 0)
  set(SIGNALBOX_DOCS_EMBEDDED "")
  set(SIGNALBOX_DOCS_LICENCES "")
  set(files "")
endif()
if(SIGNALBOX_DOCS_EMBEDDED)
  message(STATUS "Swagger UI and Redoc are in the library: ${SIGNALBOX_DOCS_EMBEDDED}")
else()
  message(STATUS "Swagger UI and Redoc are not in the library; scripts/docs-assets fetches them")
endif()
configure_file(docs/assets.cpp.in ${SIGNALBOX_GENERATED}/docs_assets.cpp @ONLY)
set_source_files_properties(${SIGNALBOX_GENERATED}/docs_assets.cpp PROPERTIES OBJECT_DEPENDS "${files}")

# What of our own the pages run.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS docs/swagger_ui.js docs/redoc.js)
file(READ docs/swagger_ui.js SWAGGER_UI_JS)
file(READ docs/redoc.js REDOC_JS)
configure_file(docs/scripts.cpp.in ${SIGNALBOX_GENERATED}/docs_scripts.cpp @ONLY)
set(SIGNALBOX_DOCS_SOURCES ${SIGNALBOX_GENERATED}/docs_assets.cpp
                           ${SIGNALBOX_GENERATED}/docs_scripts.cpp)
