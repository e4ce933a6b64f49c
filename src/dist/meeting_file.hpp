#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace canine {

/// Where rank 0 serves the store of a job, as it says in a file that all ranks reach.
struct MeetingPlace {
  std::string name;  ///< random, one word: tells the place of one job from that of another
  std::string host;  ///< host_identity() of rank 0
  int port = 0;
  std::vector<std::string> addresses;  ///< of rank 0's host; none = only processes of that host are served
};

/// What the file says; nullopt if there is none, or if it says something else.
std::optional<MeetingPlace> read_place(const std::filesystem::path& file);

/// Under which addresses this process may reach the place, in the order in which to try. Those that this host has too
/// (a bridge of containers) lead nowhere.
std::vector<std::string> addresses_of(const MeetingPlace& place);

/// A place in a file, from construction to destruction. What another job has written there meanwhile stays.
class PlaceInFile {
 public:
  /// Throws CannotWriteError.
  PlaceInFile(std::filesystem::path file, const MeetingPlace& place);
  ~PlaceInFile();
  PlaceInFile(const PlaceInFile&) = delete;
  PlaceInFile& operator=(const PlaceInFile&) = delete;

 private:
  std::filesystem::path file_;
  std::string name_;
};

}  // namespace canine
