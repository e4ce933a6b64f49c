#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "canine/core/file.hpp"
#include "canine/core/random.hpp"
#include "canine/table/table_writer.hpp"
#include "support/temporary_folder.hpp"

namespace canine {

inline constexpr int64_t kRows = 400;

inline TableWriter::Options options_of(const std::filesystem::path& path, bool resume = false) {
  return {path,
          {{"text"}, {"code_1"}, {"code_2"}, {"conf", OutputColumn::Type::kNumber}},
          {{"model", "1"}, {"batch-size", "8"}},
          resume};
}

/// Row `row` of a table with all that is hard in texts; code_2 is never filled.
inline void write_row(TableWriter& writer, int64_t row) {
  static constexpr std::string_view kPieces[] = {"a", ",", "\"", "\n", "\r", "\xC3\xA6", " ", "NA", "b"};
  Philox random(5, 0, static_cast<uint64_t>(row));
  std::string text;
  for (uint32_t i = 0, length = random.below(5); i < length; ++i) text += kPieces[random.below(9)];
  const std::string code = fmt::format("{:05}", row);
  std::vector<OutputCell> cells = {text, code, {}, static_cast<float>(random.uniform())};
  if (row % 7 == 0) cells[1] = {};
  if (row % 5 == 0) cells[3] = {};
  writer.row(cells);
}

/// Goes on from where the writer is to the end, with a checkpoint every 30 rows.
inline void write_rest(TableWriter& writer) {
  for (int64_t row = writer.num_rows(); row < kRows; ++row) {
    write_row(writer, row);
    if (row % 30 == 29) writer.checkpoint(fmt::format("state {}", row));
  }
  writer.finish(std::vector<std::string>{"code_2"});
}

inline std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

inline std::string written_at_once(const std::string& name) {
  const testing::TemporaryFolder folder;
  TableWriter writer(options_of(folder / name));
  CHECK(writer.num_rows() == 0);
  write_rest(writer);
  CHECK(files_in(folder.path()) == std::vector<std::string>{name});
  return read_file(folder / name);
}

/// Does `body` in a process that then ends as if killed: nothing is flushed, no destructor runs.
template <typename Body>
void in_killed_process(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      body();
      ::kill(::getpid(), SIGKILL);
    } catch (const std::exception&) {
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace canine
