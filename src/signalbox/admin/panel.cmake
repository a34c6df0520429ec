# Writes ${OUTPUT}, the source of the page at the admin listener's root: the live panel, with style and
# script inside, so that one binary is all there is to install; or without SIGNALBOX_PANEL a list of
# links. Included by CMake; cmake -DOUTPUT=FILE [-DSIGNALBOX_PANEL=OFF] -P panel.cmake does it as well.
cmake_policy(VERSION 3.25)
set(PANEL_STYLE "")
set(PANEL_SCRIPT "")
if(SIGNALBOX_PANEL)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/panel.html PANEL_HTML)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/panel.css PANEL_STYLE)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/panel.js PANEL_SCRIPT)
else()
  file(READ ${CMAKE_CURRENT_LIST_DIR}/links.html PANEL_HTML)
endif()
string(REPLACE "@PANEL_STYLE@" "${PANEL_STYLE}" PANEL_HTML "${PANEL_HTML}")
string(REPLACE "@PANEL_SCRIPT@" "${PANEL_SCRIPT}" PANEL_HTML "${PANEL_HTML}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/panel.cpp.in ${OUTPUT} @ONLY)
