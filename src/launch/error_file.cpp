#include "canine/launch/error_file.hpp"

#include <fmt/format.h>

#include <atomic>
#include <string_view>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/utf8.hpp"
#include "error_file_claim.hpp"
#include "variables.hpp"

namespace canine {
namespace {

constexpr std::chrono::seconds kSecondaryDelay{60};

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    if (c == U'"' || c == U'\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == U'\n') {
      out += "\\n";
    } else if (c < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      append_code_point(out, c);
    }
  }
  return out + '"';
}

}  // namespace

bool claim_error_file() {
  static std::atomic<bool> claimed = false;
  return !claimed.exchange(true);
}

std::filesystem::path launcher_error_file(const Environment& environment) {
  return Variables(environment).text("TORCHELASTIC_ERROR_FILE");
}

std::string error_file_text(const FaultReport& report) {
  const auto when = report.first_seen + (report.secondary ? kSecondaryDelay : std::chrono::seconds(0));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
  const std::string message = report.secondary
                                  ? fmt::format("{} (this rank only lost another one; see the others)", report.message)
                                  : report.message;
  return fmt::format(R"({{"message": {{"message": {}, "extraInfo": {{"timestamp": {}}}}}}})", json_string(message),
                     seconds);
}

bool write_error_file(const std::filesystem::path& path, const FaultReport& report) {
  if (path.empty() || !claim_error_file()) return false;
  try {
    write_file(path, error_file_text(report));
    return true;
  } catch (const Error& error) {
    log_warning("the launcher's error file could not be written: {}", error.what());
    return false;
  }
}

}  // namespace canine
