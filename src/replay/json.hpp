#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"
#include "canine/core/json_depth.hpp"

namespace canine::replay_files {

using Json = nlohmann::ordered_json;

/// An object of a JSON file with messages that name file and key.
class JsonFile {
 public:
  /// Throws DataError if the file is not there or is not a JSON object.
  explicit JsonFile(const std::filesystem::path& path) : path_(path.string()) {
    if (!std::filesystem::is_regular_file(path)) throw DataError("{}: this file is missing", path_);
    const std::string text = read_file(path);
    refuse_deep_json<DataError>(text, path_);
    value_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!value_.is_object()) throw DataError("{}: expected a JSON object", path_);
  }

  const Json& object() const { return value_; }

  /// Value of `key`. Throws DataError if it is missing or of another type.
  double number(const std::string& key) const { return get<double>(key, &Json::is_number, "a number"); }
  int64_t integer(const std::string& key) const {
    return get<int64_t>(key, &Json::is_number_integer, "a whole number");
  }
  std::string text(const std::string& key) const { return get<std::string>(key, &Json::is_string, "a text"); }
  Json list(const std::string& key) const { return get<Json>(key, &Json::is_array, "a list"); }

 private:
  template <typename T>
  T get(const std::string& key, bool (Json::*is_right)() const noexcept, const char* expected) const {
    const auto found = value_.find(key);
    if (found == value_.end() || !((*found).*is_right)()) {
      throw DataError("{}: expected {} under \"{}\", found {}", path_, expected, key,
                      found == value_.end() ? "nothing" : found->dump().substr(0, 60));
    }
    return found->get<T>();
  }

  std::string path_;
  Json value_;
};

}  // namespace canine::replay_files
