#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace canine {

/// What the rows of a table that takes long to make depend on, by name: a run that goes on must have the same. Names
/// are those that users know ("batch-size"); values are texts of any bytes.
using WriterSettings = std::vector<std::pair<std::string, std::string>>;

/// All of them in a text without line breaks.
std::string settings_text(const WriterSettings& settings);

/// What settings_text was made from. A text of another kind gives one setting without a name.
WriterSettings parse_settings(std::string_view text);

/// One line for each setting that is not the same in both: "batch-size: then 256, now 128".
std::vector<std::string> differences(const WriterSettings& then, const WriterSettings& now);

}  // namespace canine
