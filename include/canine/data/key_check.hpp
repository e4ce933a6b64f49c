#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "canine/data/key.hpp"
#include "canine/text/make_formatter.hpp"

namespace canine {

/// What is usually a mistake in a file of a key (LabelKey::read) that somebody has opened and saved again with another
/// program. One sentence each, with the line of the first code and what to do.
struct KeyDoubts {
  std::vector<std::string> faults;    ///< codes that no model writes: blanks around them, "58220.0" in blocks of five
  std::vector<std::string> oddities;  ///< codes that may be meant so: fewer digits than others, "1.0"

  /// All of them, each with a line break before it.
  std::string text() const;
};

/// Codes of systems of one's own only; others have no key. Does not know the key stored with a model.
KeyDoubts find_key_doubts(const std::filesystem::path& key, const FormatterOptions& formatter);

/// Throws DataError for faults; warns of oddities, which a model would write as they are.
void require_sound_key(const std::filesystem::path& key, const FormatterOptions& formatter);

/// Warns of codes that a key made from several files has twice, with and without leading zeros, as some of the files
/// have lost them: '307' and '00307' in blocks of five.
void warn_of_lost_zeros(const LabelKey& key, const FormatterOptions& formatter);

}  // namespace canine
