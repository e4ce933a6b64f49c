# What `cmake --install` puts where, and the package that find_package(canine) finds:
#   bin/                programs; each can be started by the system and by Python
#   lib/                rooms as static libraries; lib/canine/ plug-ins (installed by the room dist), lib/canine/linked/ links
#                       to libraries of the system (Loader.cmake)
#   include/canine/     headers
#   lib/cmake/canine/   the package
#   share/canine/       configs, sample data, licence
# Programs find share/canine and lib/canine beside their own folder, so the tree can be moved.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# Rooms of canine::ddp; the others are added by canine::canine. canine_room() has filled CANINE_ROOMS.
set(ddp_rooms core launch dist)
get_property(other_rooms GLOBAL PROPERTY CANINE_ROOMS)
list(REMOVE_ITEM other_rooms ${ddp_rooms})
list(TRANSFORM ddp_rooms PREPEND canine_ OUTPUT_VARIABLE ddp_targets)
list(TRANSFORM other_rooms PREPEND canine_ OUTPUT_VARIABLE other_targets)

add_library(canine_ddp INTERFACE)
add_library(canine::ddp ALIAS canine_ddp)
target_link_libraries(canine_ddp INTERFACE canine_dist canine_launch canine_core)
# Programs elsewhere find the plug-ins of the tree that they were built against.
target_link_options(canine_ddp INTERFACE "$<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/canine>")
set_target_properties(canine_ddp PROPERTIES EXPORT_NAME ddp)

add_library(canine_canine INTERFACE)
add_library(canine::canine ALIAS canine_canine)
target_link_libraries(canine_canine INTERFACE ${other_targets} canine_ddp)
set_target_properties(canine_canine PROPERTIES EXPORT_NAME canine)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/canine")
install(TARGETS ${ddp_targets} canine_ddp EXPORT canine_ddp_targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS ${other_targets} canine_canine EXPORT canine_targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT canine_ddp_targets NAMESPACE canine:: DESTINATION "${package_folder}" FILE canine-ddp-targets.cmake)
install(EXPORT canine_targets NAMESPACE canine:: DESTINATION "${package_folder}" FILE canine-targets.cmake)
install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/canine" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(cmake/canine-config.cmake.in "${CMAKE_BINARY_DIR}/package/canine-config.cmake"
  INSTALL_DESTINATION "${package_folder}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/package/canine-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/package/canine-config.cmake" "${CMAKE_BINARY_DIR}/package/canine-config-version.cmake"
  cmake/Wheels.cmake cmake/PythonStart.cmake DESTINATION "${package_folder}")
install(FILES cmake/python_start/__main__.py cmake/python_start/append.py DESTINATION "${package_folder}/python_start")

# `programs` is what users run and install: everything in tools/ and the rooms, without tests and benchmarks.
get_property(canine_programs DIRECTORY tools PROPERTY BUILDSYSTEM_TARGETS)
add_custom_target(programs DEPENDS ${canine_programs} ${ddp_targets} ${other_targets})
canine_install_programs(${canine_programs})
install(DIRECTORY "${CMAKE_BINARY_DIR}/${CANINE_LINKED_FOLDER}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/canine")
install(DIRECTORY configs data DESTINATION "${CMAKE_INSTALL_DATADIR}/canine")
install(FILES LICENSE NOTICE DESTINATION "${CMAKE_INSTALL_DATADIR}/canine")
