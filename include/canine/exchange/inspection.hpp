#pragma once

#include <string>

#include "canine/exchange/model_content.hpp"

namespace canine {

// What a model file holds, for people and for programs: file, kind, card, key, step, and each tensor's name, type,
// shape and SHA-256 (of its numbers in row order, little-endian, so equal in every file format).

/// An aligned table.
std::string inspection_table(const ModelContent& content);

/// The same as JSON.
std::string inspection_json(const ModelContent& content);

}  // namespace canine
