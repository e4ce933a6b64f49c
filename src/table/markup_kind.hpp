#pragma once

#include <string_view>

#include "canine/table/file_kind.hpp"

namespace canine {

/// Judges the beginning of a text that may be something else than a table: a web page, XML, JSON, the pointer that
/// stands for a file of Git LFS, a server's message. A foreign kind, or a text if it is none of these.
FileKind markup_kind(std::string_view start);

}  // namespace canine
