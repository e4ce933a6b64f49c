#pragma once

#include <string>
#include <string_view>

#include "canine/core/errors.hpp"

namespace canine {

/// Lists and objects inside one another that JSON from outside may have; ours have three at most.
inline constexpr int kMostJsonLevels = 100;

/// True if the text opens more than kMostJsonLevels lists and objects inside one another. Brackets are counted and
/// nothing else is checked, so any text may come. The JSON library takes a level of the stack for each where it writes,
/// copies or compares values, and a file of brackets would end the program: ask before parsing what others wrote.
bool nests_too_deeply(std::string_view json);

/// Throws SomeError naming `where` (a file, or an entry of one) if the text nests too deeply.
template <typename SomeError>
void refuse_deep_json(std::string_view json, const std::string& where) {
  if (!nests_too_deeply(json)) return;
  throw SomeError(
      "{}: expected JSON with at most {} lists and objects inside one another, found more; replace the file", where,
      kMostJsonLevels);
}

}  // namespace canine
