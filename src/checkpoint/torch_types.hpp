#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace canine {

/// "FloatStorage" for float32, as torch files name the memory behind a tensor; empty for types whose tensors are saved
/// over untyped bytes.
std::string_view storage_name(c10::ScalarType type);

/// The type of torch.<name> ("FloatStorage"); UntypedStorage counts bytes. nullopt for other names.
std::optional<c10::ScalarType> type_of_storage(std::string_view name);

/// The type of torch.<name> ("float32", "uint16"); nullopt for other names.
std::optional<c10::ScalarType> type_of_dtype(std::string_view name);

}  // namespace canine
