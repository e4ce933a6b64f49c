#include "torch_types.hpp"

#include <array>

namespace canine {
namespace {

using c10::ScalarType;

struct TypeNames {
  ScalarType type;
  std::string_view storage;
  std::string_view dtype;
};

constexpr std::array<TypeNames, 20> kTypes{{
    {ScalarType::Float, "FloatStorage", "float32"},
    {ScalarType::Double, "DoubleStorage", "float64"},
    {ScalarType::Half, "HalfStorage", "float16"},
    {ScalarType::BFloat16, "BFloat16Storage", "bfloat16"},
    {ScalarType::Long, "LongStorage", "int64"},
    {ScalarType::Int, "IntStorage", "int32"},
    {ScalarType::Short, "ShortStorage", "int16"},
    {ScalarType::Char, "CharStorage", "int8"},
    {ScalarType::Byte, "ByteStorage", "uint8"},
    {ScalarType::Bool, "BoolStorage", "bool"},
    {ScalarType::ComplexFloat, "ComplexFloatStorage", "complex64"},
    {ScalarType::ComplexDouble, "ComplexDoubleStorage", "complex128"},
    {ScalarType::UInt16, "", "uint16"},
    {ScalarType::UInt32, "", "uint32"},
    {ScalarType::UInt64, "", "uint64"},
    {ScalarType::Float8_e4m3fn, "", "float8_e4m3fn"},
    {ScalarType::Float8_e5m2, "", "float8_e5m2"},
    {ScalarType::Float8_e4m3fnuz, "", "float8_e4m3fnuz"},
    {ScalarType::Float8_e5m2fnuz, "", "float8_e5m2fnuz"},
    {ScalarType::Float8_e8m0fnu, "", "float8_e8m0fnu"},
}};

}  // namespace

std::string_view storage_name(ScalarType type) {
  for (const TypeNames& names : kTypes) {
    if (names.type == type) return names.storage;
  }
  return {};
}

std::optional<ScalarType> type_of_storage(std::string_view name) {
  if (name == "UntypedStorage") return ScalarType::Byte;
  for (const TypeNames& names : kTypes) {
    if (!name.empty() && names.storage == name) return names.type;
  }
  return std::nullopt;
}

std::optional<ScalarType> type_of_dtype(std::string_view name) {
  for (const TypeNames& names : kTypes) {
    if (names.dtype == name) return names.type;
  }
  return std::nullopt;
}

}  // namespace canine
