# Where the system's loader looks for the libraries of programs and plug-ins.
#
#   canine_keep_libraries(<target>)   the libraries of the system that a program was linked with win over others of the same
#                                     name: a folder of links to them, lib/canine/linked beside bin, is in its run path
#
# The run path names folders only: an empty entry would be the current folder, whose libraries anybody may have put there.
# CMake ends the run path of a build tree with one unless it is the path of the installed program, which it can be here,
# since rooms are static libraries and the wheels stay where they are.
#
# The run path is a DT_RPATH, which comes before LD_LIBRARY_PATH (as in LibTorch's own libraries), not a DT_RUNPATH, which
# comes after it: conda, other frameworks and modules of clusters put folders there that hold another LibTorch, Arrow, fmt or
# C++ library, with which programs would not start, or worse. What is opened later, GPU driver and MPI, is still found there.
#
# For what a library with a DT_RUNPATH of its own needs (Arrow's wheel) the loader does not ask ours. It loads what programs
# need themselves before that, and each name once, so they need these parts of the C library too.

include(GNUInstallDirs)

set(CANINE_LINKED_FOLDER "${CMAKE_INSTALL_LIBDIR}/canine/linked")
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
# The wheels' folders are named, because CMake leaves out what lies below the source folder, as .venv does.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CANINE_LINKED_FOLDER}" "${CANINE_TORCH_FOLDER}/lib" "${CANINE_ARROW_FOLDER}")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
add_link_options(LINKER:--disable-new-dtags)

set(_canine_linked_libraries "${CMAKE_CURRENT_LIST_DIR}/linked_libraries.py")

set(CANINE_LIBRARIES_OF_WHEELS libpthread.so.0 librt.so.1 libdl.so.2)

function(canine_keep_libraries target)
  list(TRANSFORM CANINE_LIBRARIES_OF_WHEELS PREPEND "-l:" OUTPUT_VARIABLE needed)
  list(JOIN needed "," needed)
  target_link_options(${target} PRIVATE "LINKER:--push-state,--no-as-needed,${needed},--pop-state")
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${CANINE_HOST_PYTHON}" "${_canine_linked_libraries}" "$<TARGET_FILE:${target}>" "${CMAKE_BINARY_DIR}/${CANINE_LINKED_FOLDER}"
    VERBATIM)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${_canine_linked_libraries}")
endfunction()
