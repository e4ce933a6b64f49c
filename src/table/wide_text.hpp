#pragma once

#include <string_view>

#include "canine/table/file_kind.hpp"

namespace canine {

/// Judges the beginning of a file that may be text in an encoding of two or four bytes a character, with or without a
/// byte order mark, or nothing but zeros. A foreign kind, or a text if it is none of these.
FileKind wide_text_kind(std::string_view start);

}  // namespace canine
