#pragma once

#include <string_view>

namespace canine {

/// Whether a text is a date as spreadsheets and pandas write it, with or without a time of day: "2011-01-05",
/// "5/1/2011", "05.01.2011", "05-Jan", "Jan-51", "5. okt 2011". Years have four digits unless a month has a name or
/// slashes separate, so that codes such as 12-34-56 are none.
bool is_date(std::string_view text);

}  // namespace canine
