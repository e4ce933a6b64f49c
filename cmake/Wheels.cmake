# LibTorch and Arrow as imported targets made from the folders of their wheels.
#
# The TorchConfig.cmake of a CUDA wheel asks for a CUDA toolkit with nvcc; these targets need neither.
#   canine::torch   libtorch_cpu and libc10 with their headers (CUDA is opened at run time where a GPU is found)
#   canine::arrow   libarrow and libparquet of the pyarrow wheel

file(GLOB _canine_site LIST_DIRECTORIES true "${CANINE_VENV}/lib/python3*/site-packages")
list(LENGTH _canine_site _canine_site_count)
if(_canine_site_count GREATER 0)
  list(GET _canine_site 0 CANINE_SITE_PACKAGES)
endif()

if(CANINE_TORCH_DIR)
  set(_torch "${CANINE_TORCH_DIR}")
else()
  set(_torch "${CANINE_SITE_PACKAGES}/torch")
endif()
if(NOT EXISTS "${_torch}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch was expected in '${_torch}' (lib/libtorch_cpu.so is missing). "
    "Run scripts/setup, or give -DCANINE_TORCH_DIR=<unpacked LibTorch>.")
endif()

function(canine_imported name location)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${location}")
  target_include_directories(${name} SYSTEM INTERFACE ${ARGN})
endfunction()

# LibTorch's folder of headers carries a fmt of its own, which must not win over the one we link.
find_package(fmt REQUIRED)
get_target_property(_fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
set(_fmt_first "${CMAKE_BINARY_DIR}/fmt_before_torch")
file(MAKE_DIRECTORY "${_fmt_first}")
file(CREATE_LINK "${_fmt_include}/fmt" "${_fmt_first}/fmt" SYMBOLIC)

canine_imported(canine_c10_library "${_torch}/lib/libc10.so" "${_fmt_first}" "${_torch}/include" "${_torch}/include/torch/csrc/api/include")
canine_imported(canine_torch_cpu_library "${_torch}/lib/libtorch_cpu.so" "${_fmt_first}" "${_torch}/include")
add_library(canine_torch INTERFACE)
add_library(canine::torch ALIAS canine_torch)
target_link_libraries(canine_torch INTERFACE canine_torch_cpu_library canine_c10_library)
set(CANINE_TORCH_LIBRARY_DIR "${_torch}/lib")

file(GLOB _arrow_library "${CANINE_SITE_PACKAGES}/pyarrow/libarrow.so.*")
file(GLOB _parquet_library "${CANINE_SITE_PACKAGES}/pyarrow/libparquet.so.*")
if(NOT _arrow_library OR NOT _parquet_library)
  message(FATAL_ERROR "Arrow C++ was expected in '${CANINE_SITE_PACKAGES}/pyarrow'. Run scripts/setup.")
endif()
canine_imported(canine_arrow_library "${_arrow_library}" "${CANINE_SITE_PACKAGES}/pyarrow/include")
canine_imported(canine_parquet_library "${_parquet_library}" "${CANINE_SITE_PACKAGES}/pyarrow/include")
add_library(canine_arrow INTERFACE)
add_library(canine::arrow ALIAS canine_arrow)
target_link_libraries(canine_arrow INTERFACE canine_parquet_library canine_arrow_library)
