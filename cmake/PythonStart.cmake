# Programs that the system and Python can start: `./finetune`, `python ./finetune`, `torchrun ./finetune`.
#
# A zip with a __main__.py that executes the program itself is appended after linking (python_start/).
#   canine_python_start(<target>)                          appends it whenever the target is linked
#   canine_install_programs(<target>... [DESTINATION dir])   installs programs and appends it to the installed files, since
#                                                          `cmake --install --strip` drops what is behind an ELF file
# Part of the installed package, so that programs on canine::ddp can have the same.

cmake_policy(VERSION 3.25)  # whatever a user of the package has

set(_canine_python_start "${CMAKE_CURRENT_LIST_DIR}/python_start")

# Only the standard library is used: any Python 3 will do.
if(NOT CANINE_HOST_PYTHON)
  find_program(CANINE_HOST_PYTHON NAMES python3 python HINTS "${CANINE_VENV}/bin" DOC "Python 3 that makes programs startable by Python")
  mark_as_advanced(CANINE_HOST_PYTHON)
endif()

function(_canine_need_python)
  if(NOT CANINE_HOST_PYTHON)
    message(FATAL_ERROR "No Python 3 was found (looked for python3 and python in '${CANINE_VENV}/bin' and in PATH). It makes "
      "programs startable by torchrun; name one with -DCANINE_HOST_PYTHON=<python3>.")
  endif()
endfunction()

function(canine_python_start target)
  _canine_need_python()
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${CANINE_HOST_PYTHON}" "${_canine_python_start}/append.py" "$<TARGET_FILE:${target}>" VERBATIM)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS
    "${_canine_python_start}/append.py" "${_canine_python_start}/__main__.py")
endfunction()

function(canine_install_programs)
  cmake_parse_arguments(ARG "" "DESTINATION" "" ${ARGN})
  _canine_need_python()
  if(NOT ARG_DESTINATION)
    include(GNUInstallDirs)
    set(ARG_DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
  install(TARGETS ${ARG_UNPARSED_ARGUMENTS} RUNTIME DESTINATION "${ARG_DESTINATION}")
  cmake_path(ABSOLUTE_PATH ARG_DESTINATION BASE_DIRECTORY "\${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE folder)
  foreach(target IN LISTS ARG_UNPARSED_ARGUMENTS)
    # $ENV{DESTDIR}: staged installations, as packagers do them.
    install(CODE "execute_process(COMMAND \"${CANINE_HOST_PYTHON}\" \"${_canine_python_start}/append.py\"
      \"\$ENV{DESTDIR}${folder}/$<TARGET_FILE_NAME:${target}>\" COMMAND_ERROR_IS_FATAL ANY)")
  endforeach()
endfunction()
