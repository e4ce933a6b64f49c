#pragma once

#include <string>
#include <string_view>

namespace canine {

/// The address or host name that `text` holds, as MASTER_ADDR does; an IPv6 address without its brackets.
/// Throws UsageError naming `source` for what no process could reach: several addresses, an address with a port, a URL,
/// characters that no name has.
std::string one_address(std::string_view text, const std::string& source);

}  // namespace canine
