# A room is one static library of src/<room>, its headers in include/canine/<room>, its tests in tests/<room>.
#
#   canine_room(<room> SOURCES a.cpp b.cpp USES <room or library>...)
#   canine_room_test(<room> [LONG] SOURCES a_test.cpp ... [USES <room or library>...])    LONG: ctest starts it first,
#     so that the short ones run beside it
#   canine_program(<name> SOURCES main.cpp USES <room>...)
#
# scripts/check_includes compares the includes of every file with the table of rooms in CONTRIBUTING.md.

add_library(canine_warnings INTERFACE)
target_compile_options(canine_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(CANINE_WERROR)
  # g++'s warnings that depend on its optimizer speak up for sound code of system headers, differently in each version.
  target_compile_options(canine_warnings INTERFACE -Werror
    $<$<CXX_COMPILER_ID:GNU>:-Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=stringop-overread
    -Wno-error=restrict -Wno-error=maybe-uninitialized -Wno-error=free-nonheap-object -Wno-error=nonnull
    -Wno-error=null-dereference>
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>:-Wno-error=dangling-reference>)
endif()

function(canine_room room)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_library(canine_${room} STATIC ${ARG_SOURCES})
  add_library(canine::${room} ALIAS canine_${room})
  target_include_directories(canine_${room} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
  target_compile_features(canine_${room} PUBLIC cxx_std_20)
  # Public headers include no JSON and no CLI11, so who uses the installed package needs neither.
  list(TRANSFORM ARG_USES REPLACE "^(nlohmann_json::.*|CLI11::.*)$" "$<BUILD_INTERFACE:\\1>")
  target_link_libraries(canine_${room} PUBLIC ${ARG_USES})
  target_compile_options(canine_${room} PRIVATE $<TARGET_PROPERTY:canine_warnings,INTERFACE_COMPILE_OPTIONS>)  # not exported
  set_target_properties(canine_${room} PROPERTIES EXPORT_NAME ${room})
  set_property(GLOBAL APPEND PROPERTY CANINE_ROOMS ${room})
endfunction()

function(canine_room_test room)
  cmake_parse_arguments(ARG "LONG" "" "SOURCES;USES" ${ARGN})
  set(test ${room}_test)
  add_executable(${test} ${ARG_SOURCES})
  target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_BINARY_DIR}/tests/include)
  target_link_libraries(${test} PRIVATE canine::${room} ${ARG_USES} canine_warnings Catch2::Catch2WithMain)
  set_target_properties(${test} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tests/reports)
  # scripts/test counts cases and skips from the report.
  add_test(NAME ${room} COMMAND ${test} --reporter console --reporter XML::out=${CMAKE_BINARY_DIR}/tests/reports/${room}.xml)
  set_tests_properties(${room} PROPERTIES ENVIRONMENT OMP_NUM_THREADS=1 TIMEOUT 900)
  if(ARG_LONG)
    set_tests_properties(${room} PROPERTIES COST 100)
  endif()
endfunction()

function(canine_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_USES} canine_warnings)
  canine_keep_libraries(${name})
  canine_python_start(${name})
endfunction()
