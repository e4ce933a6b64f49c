// When prepared files are used again, and when not.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/log.hpp"
#include "canine/core/sha256.hpp"
#include "canine/data/prepare.hpp"
#include "support.hpp"

namespace canine {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
namespace fs = std::filesystem;

constexpr const char* kSource = "text,a,b\nv,111,444\nw,222,\nx,333,\ny,111,\n";

/// A folder that holds prepared data.
struct Prepared {
  Prepared() {
    options.dataset = testing::write_text(folder / "source.csv", kSource);
    options.input_col = "text";
    options.target_cols = {"a", "b"};
    options.block_size = 3;
    options.share_val = 0.25;
    first = run();
  }

  PreparedData run() {
    const testing::Captured captured_out(STDOUT_FILENO), captured_err(STDERR_FILENO);
    PreparedData prepared = prepare(options, folder.path());
    err = captured_err.text();
    return prepared;
  }

  void check_refused(const std::string& expected) {
    CHECK_THROWS_MATCHES(run(), UsageError,
                         MessageMatches(ContainsSubstring(expected) && ContainsSubstring("--overwrite-prepared") &&
                                        ContainsSubstring("--save-path")));
  }

  testing::TemporaryFolder folder;
  PrepareOptions options;
  PreparedData first;
  std::string err;
};

TEST_CASE("Another process opens what the first one has prepared, and writes nothing", "[reuse]") {
  const Prepared prepared;
  const testing::Captured captured_out(STDOUT_FILENO);
  const PreparedData opened = open_prepared(prepared.options, prepared.folder.path());
  CHECK(opened.fingerprint == prepared.first.fingerprint);
  CHECK(opened.key == prepared.first.key);

  PrepareOptions other = prepared.options;
  other.share_val = 0.5;
  CHECK_THROWS_AS(open_prepared(other, prepared.folder.path()), UsageError);
  const testing::TemporaryFolder empty;
  CHECK_THROWS_MATCHES(open_prepared(prepared.options, empty.path()), UsageError,
                       MessageMatches(ContainsSubstring("all hosts need the same folder")));
  CHECK(fs::is_empty(empty.path()));
}

TEST_CASE("Files of somebody else are not replaced", "[reuse]") {
  const testing::TemporaryFolder folder;
  PrepareOptions options;
  options.dataset = testing::write_text(folder / "data_train.csv", kSource);
  options.input_col = "text";
  options.target_cols = {"a", "b"};
  options.block_size = 3;
  const testing::Captured captured_out(STDOUT_FILENO), captured_err(STDERR_FILENO);
  SECTION("the source itself, even if everything may be replaced") {
    options.overwrite_prepared = true;
    CHECK_THROWS_MATCHES(
        prepare(options, folder.path()), UsageError,
        MessageMatches(ContainsSubstring("the data would be lost") && ContainsSubstring("--save-path")));
  }
  SECTION("a file of such a name") {
    fs::rename(folder / "data_train.csv", folder / "source.csv");
    options.dataset = folder / "source.csv";
    testing::write_text(folder / "key.csv", "mine");
    CHECK_THROWS_MATCHES(
        prepare(options, folder.path()), UsageError,
        MessageMatches(ContainsSubstring("holds key.csv, but not") && ContainsSubstring("--overwrite-prepared")));
    CHECK(read_file(folder / "key.csv") == "mine");
    options.overwrite_prepared = true;
    CHECK(prepare(options, folder.path()).num_train == 4);
  }
  CHECK(read_file(options.dataset) == kSource);
}

TEST_CASE("A preparation that was interrupted is made again", "[reuse]") {
  Prepared prepared;
  fs::remove(prepared.folder / "key.csv");
  fs::remove(prepared.folder / "prepared.json");
  testing::write_text(prepared.folder / ".preparation-unfinished", "");
  CHECK(prepared.run().key == prepared.first.key);
  CHECK(prepared.err.find("prepared again") != std::string::npos);
  CHECK_FALSE(fs::exists(prepared.folder / ".preparation-unfinished"));
}

TEST_CASE("A source that is written to while it is read is refused", "[reuse]") {
  const testing::TemporaryFolder folder;
  PrepareOptions options;
  static fs::path source;
  source = options.dataset = testing::write_text(folder / "source.csv", kSource);
  options.input_col = "text";
  options.target_cols = {"a", "b"};
  options.block_size = 3;
  const testing::Captured captured_out(STDOUT_FILENO);
  // The first line is printed before the file is read.
  const BeforeLine former = set_before_line([] { fs::resize_file(source, fs::file_size(source) + 1); });
  CHECK_THROWS_MATCHES(prepare(options, folder.path()), DataError,
                       MessageMatches(ContainsSubstring("written to while")));
  set_before_line(former);
  CHECK_FALSE(fs::exists(folder / "key.csv"));
}

TEST_CASE("The manifest records source, options and files", "[reuse]") {
  const Prepared prepared;
  const auto manifest = nlohmann::json::parse(read_file(prepared.folder / "prepared.json"));
  CHECK(manifest["source"]["sha256"] == sha256_of(kSource));
  CHECK(manifest["source"]["size"] == std::string_view(kSource).size());
  CHECK(manifest["options"]["target-cols"] == nlohmann::json({"a", "b"}));
  CHECK(manifest["options"]["language-col"].is_null());
  CHECK(manifest["options"]["share-val"] == 0.25);
  for (const char* file : {"data_train.csv", "data_val.csv", "key.csv"}) {
    CHECK(manifest["files"][file]["sha256"] == sha256_of_file(prepared.folder / file));
    CHECK(manifest["files"][file]["size"] == fs::file_size(prepared.folder / file));
  }
  CHECK(manifest["files"]["data_train.csv"]["rows"] == 3);
  CHECK(manifest["files"]["data_val.csv"]["rows"] == 1);
  CHECK(manifest["files"]["key.csv"]["rows"] == 5);
}

TEST_CASE("The same wishes use the prepared files again", "[reuse]") {
  Prepared prepared;
  const fs::file_time_type written = fs::last_write_time(prepared.first.train);
  const PreparedData again = prepared.run();
  CHECK_FALSE(prepared.first.reused);
  CHECK(again.reused);
  CHECK(again.key == prepared.first.key);
  CHECK(again.num_train == 3);
  CHECK(again.num_val == 1);
  CHECK(again.fingerprint == prepared.first.fingerprint);
  CHECK(fs::last_write_time(prepared.first.train) == written);
}

TEST_CASE("Preparation does not depend on threads", "[reuse]") {
  Prepared prepared;
  prepared.options.num_threads = 2;
  CHECK(prepared.run().reused);
}

TEST_CASE("A dataset that is gone or not named does not matter", "[reuse]") {
  Prepared prepared;
  fs::remove(prepared.options.dataset);
  CHECK(prepared.run().reused);
  CHECK_THAT(prepared.err, ContainsSubstring("source.csv is not there"));
  prepared.options.dataset.clear();
  CHECK(prepared.run().reused);
}

TEST_CASE("A dataset of another name that is not there is a difference", "[reuse]") {
  Prepared prepared;
  const std::string source = prepared.options.dataset.string();
  const fs::path other = prepared.folder / "sorce.csv";
  prepared.options.dataset = other;
  prepared.check_refused("dataset: prepared from " + source + ", now " + other.string() + ", which is not there");
  CHECK_THROWS_AS(open_prepared(prepared.options, prepared.folder.path()), UsageError);
  prepared.options.dataset = prepared.folder.path();
  prepared.check_refused("which is no file");
}

TEST_CASE("A dataset that is gone may be named from any folder", "[reuse]") {
  Prepared prepared;
  const fs::path source = prepared.options.dataset;
  fs::remove(source);
  for (const fs::path& spelling : {fs::path("source.csv"), fs::path("./source.csv"), fs::path("gone/source.csv"),
                                   fs::relative(source), source.parent_path() / "." / "source.csv"}) {
    CAPTURE(spelling);
    prepared.options.dataset = spelling;
    CHECK(prepared.run().reused);
    CHECK_THAT(prepared.err, ContainsSubstring("source.csv is not there; the data prepared from it before is used"));
  }
}

TEST_CASE("Each changed option is named with both values", "[reuse]") {
  const auto refused = [](const std::function<void(PrepareOptions&)>& change, const std::string& expected) {
    Prepared prepared;
    change(prepared.options);
    prepared.check_refused(expected);
  };
  refused([](auto& options) { options.share_val = 0.5; }, "share-val: prepared with 0.25, now 0.5");
  refused([](auto& options) { options.target_cols = {"a"}; }, R"(target-cols: prepared with ["a","b"], now ["a"])");
  refused([](auto& options) { options.target_cols = {"b", "a"}; }, R"(now ["b","a"])");
  refused([](auto& options) { options.input_col = "b2"; }, R"(input-col: prepared with "text", now "b2")");
  refused([](auto& options) { options.language = "en"; }, R"(language: prepared with "unk", now "en")");
  refused([](auto& options) { options.language_col = "a"; }, R"(language-col: prepared with null, now "a")");
  refused([](auto& options) { options.block_size = 4; }, "block-size: prepared with 3, now 4");
  refused([](auto& options) { options.use_within_block_sep = true; }, "use-within-block-sep: prepared with false");
  refused([](auto& options) { options.drop_bad_labels = true; }, "drop-bad-labels: prepared with false, now true");
  refused([](auto& options) { options.allow_codes_shorter_than_block_size = true; }, "allow-codes-shorter");
}

TEST_CASE("All differences are listed at once", "[reuse]") {
  Prepared prepared;
  prepared.options.share_val = 0.5;
  prepared.options.block_size = 4;
  prepared.check_refused("block-size: prepared with 3, now 4\n  share-val: prepared with 0.25, now 0.5");
}

TEST_CASE("A changed or other source is noticed", "[reuse]") {
  Prepared prepared;
  testing::write_text(prepared.options.dataset, "text,a,b\nv,112,444\nw,222,\nx,333,\ny,111,\n");  // the same size
  prepared.check_refused("source.csv has changed since");
  prepared.options.dataset = testing::write_text(prepared.folder / "other.csv", "text,a,b\nv,112,\n");
  prepared.check_refused("other.csv, which has other content");
  prepared.options.dataset = testing::write_text(prepared.folder / "copy.csv", kSource);
  CHECK(prepared.run().reused);
}

TEST_CASE("Truncated and edited files are noticed", "[reuse]") {
  for (const char* name : {"data_train.csv", "data_val.csv", "key.csv"}) {
    Prepared prepared;
    const std::string content = read_file(prepared.folder / name);
    testing::write_text(prepared.folder / name, content.substr(0, content.size() - 3));
    prepared.check_refused(std::string(name) + ": written with");
    std::string edited = content;
    edited[edited.size() - 2] = '9';
    testing::write_text(prepared.folder / name, edited);
    prepared.check_refused(std::string(name) + ": its content was changed");
    prepared.options.overwrite_prepared = true;
    CHECK(prepared.run().fingerprint == prepared.first.fingerprint);
    CHECK(read_file(prepared.folder / name) == content);
  }
}

TEST_CASE("A manifest that cannot be read is named", "[reuse]") {
  const std::string deep = R"({"format": 1, "source": {"name": "a", "size": 1, "sha256": "b"}, "options": {"a": )" +
                           std::string(400000, '[') + std::string(400000, ']') + "}}";
  for (const std::string& text : std::vector<std::string>{
           "", "{", "[]", "{\"format\": 2}", "{\"format\": 1, \"source\": 3}", "{\"format\": \"1\"}", deep}) {
    CAPTURE(text.substr(0, 80));
    Prepared prepared;
    testing::write_text(prepared.folder / "prepared.json", text);
    prepared.check_refused("prepared.json");
  }
}

TEST_CASE("Overwriting prepares again with the new options", "[reuse]") {
  Prepared prepared;
  prepared.options.overwrite_prepared = true;
  prepared.options.share_val = 0.5;
  CHECK(prepared.run().num_val == 2);
  prepared.options.overwrite_prepared = false;
  CHECK(prepared.run().reused);
}

TEST_CASE("With some files missing the data is prepared again", "[reuse]") {
  for (const char* name : {"data_train.csv", "data_val.csv", "key.csv"}) {
    Prepared prepared;
    fs::remove(prepared.folder / name);
    prepared.options.share_val = 0.5;
    const PreparedData again = prepared.run();
    CHECK_FALSE(again.reused);
    CHECK(again.num_val == 2);
    CHECK_THAT(prepared.err, ContainsSubstring("only 2 of the 3"));
  }
}

TEST_CASE("Files of the Python program are accepted with a note", "[reuse]") {
  Prepared prepared;
  fs::remove(prepared.folder / "prepared.json");
  const PreparedData again = prepared.run();
  CHECK(again.reused);
  CHECK(again.num_train == -1);
  CHECK(again.key == prepared.first.key);
  CHECK(again.fingerprint == prepared.first.fingerprint);
  CHECK_THAT(prepared.err, ContainsSubstring("without prepared.json"));
  CHECK_FALSE(fs::exists(prepared.folder / "prepared.json"));
}

TEST_CASE("A refused source leaves the prepared files as they are", "[reuse]") {
  Prepared prepared;
  prepared.options.overwrite_prepared = true;
  prepared.options.block_size = 2;
  CHECK_THROWS_AS(prepared.run(), DataError);
  prepared.options.overwrite_prepared = false;
  prepared.options.block_size = 3;
  CHECK(prepared.run().reused);
}

TEST_CASE("Nothing is left aside", "[reuse]") {
  const Prepared prepared;
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(prepared.folder.path())) count += entry.exists();
  CHECK(count == 5);  // the source, three files and the manifest
}

}  // namespace
}  // namespace canine
