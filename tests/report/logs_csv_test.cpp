#include "canine/report/logs_csv.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "test_paths.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

struct TemporaryFile {
  fs::path path = fs::temp_directory_path() / ("canine_logs_" + std::to_string(::getpid()) + ".csv");
  TemporaryFile() { fs::remove(path); }
  ~TemporaryFile() { fs::remove(path); }
};

/// The first two lines of the Python program's own run.
const LogRow kRow8 = {8,
                      0.10154667496681213,
                      0.00821956992149353,
                      1.364676609635353,
                      1.2939393043518066,
                      0.653019905090332,
                      7.062213897705078,
                      0.0,
                      3.5,
                      0.0,
                      0.0007272727272727273};
const LogRow kRow16 = {16,
                       0.09555321931838989,
                       0.008278310298919678,
                       1.237362951040268,
                       1.2247032403945923,
                       0.614751660823822,
                       6.714267539978027,
                       0.0,
                       11.0,
                       0.0,
                       0.00036363636363636367};

std::string first_lines_of_fixture(int count) {
  const std::string text = read_file(fs::path(CANINE_FIXTURES) / "tiny_a/run/logs.csv");
  size_t end = 0;
  for (int i = 0; i < count; ++i) end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

TEST_CASE("bytes are those of the Python program") {
  const TemporaryFile file;
  append_log(file.path, kRow8);
  append_log(file.path, kRow16);
  CHECK(read_file(file.path) == first_lines_of_fixture(3));
}

TEST_CASE("numbers keep Python's spelling") {
  const TemporaryFile file;
  LogRow row;
  row.step = 1000000;
  row.train_loss = 2e-5;
  row.val_loss = 1e16;
  row.lr = 123456.0;
  append_log(file.path, row);
  const std::string text = read_file(file.path);
  CHECK(text.substr(text.find('\n') + 1) == "1000000,0.0,0.0,2e-05,1e+16,0.0,0.0,0.0,0.0,0.0,123456.0\r\n");
}

TEST_CASE("a torn last line is cut off") {
  const TemporaryFile file;
  append_log(file.path, kRow8);
  append_file(file.path, "16,0.09555");
  append_log(file.path, kRow16);
  CHECK(read_file(file.path) == first_lines_of_fixture(3));
}

TEST_CASE("a torn header is written again") {
  const TemporaryFile file;
  append_file(file.path, "step,batch_ti");
  append_log(file.path, kRow8);
  CHECK(read_file(file.path) == first_lines_of_fixture(2));
}

TEST_CASE("the last step of a log is known, and later lines can be taken off") {
  const TemporaryFile file;
  CHECK(last_logged_step(file.path) == -1);
  trim_log(file.path, 0);
  append_log(file.path, kRow8);
  append_log(file.path, kRow16);
  CHECK(last_logged_step(file.path) == 16);
  trim_log(file.path, 16);
  CHECK(read_file(file.path) == first_lines_of_fixture(3));
  trim_log(file.path, 15);
  CHECK(read_file(file.path) == first_lines_of_fixture(2));
  CHECK(last_logged_step(file.path) == 8);
  trim_log(file.path, 0);
  CHECK(read_file(file.path) == first_lines_of_fixture(1));
  CHECK(last_logged_step(file.path) == -1);
}

TEST_CASE("a file that cannot be written is an IoError") {
  CHECK_THROWS_AS(append_log("/nonexistent-folder/logs.csv", kRow8), IoError);
}

}  // namespace
}  // namespace canine
