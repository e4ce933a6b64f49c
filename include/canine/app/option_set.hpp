#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "canine/app/option.hpp"

namespace canine {

/// The flags of one program. Each is declared once, and from that come parsing, --help, configuration files,
/// --print-config and args.yaml:
///
///     options.section("Training");
///     options.add("batch-size", train.batch_size, "rows per step").at_least(1);
///
/// The default is what the variable holds when it is declared, so programs share declarations with defaults of their
/// own. Variables must outlive the set. --help, --version, --config and --print-config are there already, the last two
/// unless the program is too small for configuration files.
///
/// A value comes from the command line, else from the --config file, else from the environment, else it is the default.
class OptionSet {
 public:
  struct Usage {
    std::string command;  ///< "finetune --dataset FILE"
    std::string meaning;  ///< one line
  };

  enum class ConfigFiles {
    kNo,
    kYes,
    kArgsYaml,  ///< kYes, and the program's runs leave such a file
  };

  OptionSet(std::string program, std::string purpose, std::vector<Usage> usage,
            ConfigFiles config_files = ConfigFiles::kYes);
  OptionSet(const OptionSet&) = delete;
  OptionSet& operator=(const OptionSet&) = delete;

  /// Heading in --help of the options declared from now on.
  void section(std::string heading);

  /// Declares an option for a bool (a switch), int, int64_t, uint64_t, double, std::string, path, vector of strings
  /// (one or more values), or an optional of these.
  template <typename T>
  requires(!std::is_enum_v<T>) Option& add(std::string name, T& target, std::string help) {
    Option& option = declare(Option(std::move(name), option_detail::kind_of<T>(), std::move(help),
                                    {[&target] { return option_detail::load(target); },
                                     [&target](const OptionValue& value) { option_detail::store(value, target); }}));
    option.most_ = option_detail::largest<T>();
    option.is_path_ = std::is_same_v<T, std::filesystem::path>;
    return option;
  }

  /// Declares an option for an enumeration, or an optional of one, that takes one of some words.
  template <typename T>
  Option& add(std::string name, T& target, const std::vector<std::pair<std::string, option_detail::EnumOf<T>>>& words,
              std::string help) {
    std::vector<std::string> choices;
    for (const auto& [word, value] : words) choices.push_back(word);
    const auto load = [&target, words]() -> OptionValue {
      for (const auto& [word, value] : words) {
        if (value == target) return word;
      }
      return {};
    };
    const auto store = [&target, words](const OptionValue& given) {
      for (const auto& [word, value] : words) {
        if (word == std::get<std::string>(given)) target = value;
      }
    };
    return declare(Option(std::move(name), Option::Kind::kText, std::move(help), {load, store}))
        .one_of(std::move(choices));
  }

  /// Declares an argument without a flag; they are taken in the order of their declarations. `name` is how --help and
  /// messages call it ("FILE"). Required unless the target is an optional.
  template <typename T>
  Option& add_positional(std::string name, T& target, std::string help) {
    Option& option = add(std::move(name), target, std::move(help)).command_line_only();
    option.is_positional_ = true;
    option.required_ = !option_detail::IsOptional<T>::value;
    return option;
  }

  /// Names the flags that the Python program has, where those of shared declarations differ from it: of the flags
  /// declared so far all others are additions (Option::addition).
  void set_python_flags(const std::vector<std::string>& names);

  /// Keys of args.yaml files of other programs that have no meaning here: passed over with a note.
  void pass_over_config_keys(std::vector<std::string> keys);

  /// Reads the arguments (without the program's name). False if --help, --version or --print-config was answered and
  /// there is nothing more to do. Throws UsageError.
  bool parse(const std::vector<std::string>& arguments);

  /// Reads a YAML mapping of keys (hyphens or underscores) to values; null keeps the default. Relative paths in it
  /// start from `base` (empty = the current folder). Throws UsageError naming file, line and key.
  void read_config(const std::filesystem::path& path, const std::filesystem::path& base = {});

  /// Sets a value in the program's own name; `origin` says why ("sample run").
  void set(std::string_view name, const std::string& value, const std::string& origin);

  /// True if somebody chose the value: it stands on the command line, or differs from the default (an args.yaml holds
  /// all values, which says nothing).
  bool given(std::string_view name) const;
  const Option& at(std::string_view name) const;

  /// Says that a flag that somebody gave does nothing, if `without_effect`.
  void note_if_ignored(std::string_view name, bool without_effect, std::string_view reason) const;

  const std::deque<Option>& options() const { return options_; }
  const std::string& program() const { return program_; }

  std::string help_text() const;

  /// All values as the Python program writes its parsed flags: sorted keys, block style (PyYAML's form, except that
  /// long texts are not folded). `used`, by key: what the run computes with in place of what a launcher asked for.
  std::string args_yaml(const std::map<std::string, OptionValue>& used = {}) const;

  /// All values with their origins: YAML that --config reads.
  std::string config_text() const;

 private:
  Option& declare(Option option);
  Option& find(std::string_view name);
  void require_all_given() const;

  std::string program_;
  std::string purpose_;
  std::vector<Usage> usage_;
  std::deque<Option> options_;  // addresses stay
  std::string section_;
  std::set<std::string> foreign_keys_;
  bool help_ = false;
  bool version_ = false;
  bool print_config_ = false;
  std::filesystem::path config_;
};

}  // namespace canine
