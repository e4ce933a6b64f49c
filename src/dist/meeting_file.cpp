#include "meeting_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "local_network.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTitle = "canine meeting place";
constexpr uint64_t kMostBytes = 65'536;

/// A file that is there is one of ours, or of c10d's FileStore, which begins with a length in 8 bytes; or it is
/// somebody's own and stays.
void require_place(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return;
  std::string start;
  if (fs::is_regular_file(file, ignored)) {
    const RandomAccessFile opened(file);
    start.resize(std::min<uint64_t>(opened.size(), std::string_view(kTitle).size()));
    opened.read(0, std::as_writable_bytes(std::span(start)));
    if (start.empty() || start == kTitle || (start.size() > 8 && start.substr(4, 4) == std::string(4, '\0'))) return;
  }
  throw UsageError("--init-method file://{}: this is no meeting place of processes and would be lost; give a new name",
                   file.string());
}

}  // namespace

std::optional<MeetingPlace> read_place(const fs::path& file) try {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  std::istringstream in(read_file(file, kMostBytes));
  MeetingPlace place;
  std::string title;
  if (!std::getline(in, title) || title != kTitle) return std::nullopt;
  if (!std::getline(in, place.host) || !(in >> place.name >> place.port)) return std::nullopt;
  for (std::string address; in >> address;) place.addresses.push_back(address);
  return place;
} catch (const Error&) {
  return std::nullopt;  // gone meanwhile, or much too long
}

std::vector<std::string> addresses_of(const MeetingPlace& place) {
  if (place.host == host_identity()) return {"127.0.0.1"};
  const std::vector<std::string> own = local_addresses();
  std::vector<std::string> addresses = place.addresses;
  std::erase_if(addresses, [&](const auto& one) { return std::find(own.begin(), own.end(), one) != own.end(); });
  return addresses;
}

PlaceInFile::PlaceInFile(fs::path file, const MeetingPlace& place) : file_(std::move(file)), name_(place.name) {
  require_place(file_);
  write_file(
      file_,
      fmt::format("{}\n{}\n{} {}\n{}\n", kTitle, place.host, place.name, place.port, fmt::join(place.addresses, "\n")),
      /*sync=*/false);
}

PlaceInFile::~PlaceInFile() {
  std::error_code ignored;
  const std::optional<MeetingPlace> there = read_place(file_);
  if (there && there->name == name_) fs::remove(file_, ignored);
}

}  // namespace canine
