#include "master_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr const char* kExpected = "expected one address or name of rank 0's host, such as 10.0.0.1 or node1";

/// For messages: control characters as \x0d.
std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

bool is_part_of_address(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-._:%").find(c) != std::string_view::npos;
}

/// Where a port is parted from the host: the colon behind a bracket, or the only one.
size_t port_colon(std::string_view text) {
  if (const size_t bracket = text.find("]:"); bracket != std::string_view::npos) return bracket + 1;
  const size_t first = text.find(':');
  return first == text.rfind(':') ? first : std::string_view::npos;
}

std::string_view without_brackets(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

std::string one_address(std::string_view text, const std::string& source) {
  if (text.find("://") != std::string_view::npos) {
    throw UsageError("{}='{}' is a URL; {}. --init-method takes tcp://HOST:PORT", source, visible(text), kExpected);
  }
  if (text.find_first_of(" \t\r\n,;") != std::string_view::npos) {
    throw UsageError(
        "{}='{}' names several addresses; {}: the one that all hosts reach (`hostname -I` prints those of all "
        "interfaces)",
        source, visible(text), kExpected);
  }
  if (const size_t colon = port_colon(text); colon != std::string_view::npos) {
    throw UsageError("{}='{}' holds a port, which MASTER_PORT is for: set MASTER_ADDR={} MASTER_PORT={}", source,
                     visible(text), visible(without_brackets(text.substr(0, colon))), visible(text.substr(colon + 1)));
  }
  const std::string_view address = without_brackets(text);
  if (address.empty() || !std::ranges::all_of(address, is_part_of_address)) {
    throw UsageError("{}='{}' is neither an address nor a name; {}", source, visible(text), kExpected);
  }
  return std::string(address);
}

}  // namespace canine
