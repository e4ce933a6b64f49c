#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace canine {

/// Value of an option as files and tables show it; monostate = none ("null").
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<std::string>>;

/// Where a value came from; a later one in this list wins.
enum class Origin { kDefault, kEnvironment, kConfigFile, kCommandLine };

/// One declared flag or positional argument: its name, what it takes, its limits, its help and the variable that gets
/// the value. Made by OptionSet::add and add_positional; the setters return the option, so that a declaration is one
/// statement.
class Option {
 public:
  enum class Kind { kSwitch, kInteger, kNumber, kText, kList };

  /// Access to the variable behind the option.
  struct Target {
    std::function<OptionValue()> load;
    std::function<void(const OptionValue&)> store;
  };

  Option(std::string name, Kind kind, std::string help, Target target);

  /// Word for the value in --help ("FILE").
  Option& takes(std::string placeholder);
  Option& at_least(double least);
  Option& between(double least, double most);
  /// least <= value < end.
  Option& from_to_below(double least, double end);
  Option& one_of(std::vector<std::string> choices);
  /// Variable of the environment that gives the value when neither command line nor file does. Numbers stop at a comma
  /// (OMP_NUM_THREADS may hold a list); `silence` is a text that says nothing, and any other that does not fit is
  /// passed over with a warning.
  Option& environment(std::string variable, std::string silence = "");
  /// Not a flag of the Python program: an abbreviation that means one of the Python program's flags keeps that meaning.
  Option& addition(bool is_addition = true);
  /// Says something about one process of a job, so that processes may differ in it.
  Option& local();
  /// Neither read from a configuration file nor written to one.
  Option& command_line_only();
  /// Must be given.
  Option& required();

  /// Takes texts as they come from a command line or file. Throws UsageError "`where`: expected ..., got ...".
  void set(const std::vector<std::string>& texts, const std::string& where, Origin origin, std::string origin_text);

  const std::string& name() const { return name_; }  ///< with hyphens, without the leading two
  std::string spelling() const { return is_positional_ ? name_ : "--" + name_; }  ///< as messages name it
  std::string key() const;                                                        ///< with underscores, as in args.yaml
  Kind kind() const { return kind_; }
  const std::string& help() const { return help_; }
  const std::string& placeholder() const { return placeholder_; }
  const std::string& section() const { return section_; }
  const std::string& environment_variable() const { return environment_; }
  const std::string& environment_silence() const { return silence_; }
  bool is_addition() const { return addition_; }
  bool is_command_line_only() const { return command_line_only_; }
  bool is_local() const { return local_; }
  bool is_path() const { return is_path_; }
  bool is_required() const { return required_; }
  bool is_positional() const { return is_positional_; }
  OptionValue value() const { return target_.load(); }
  const OptionValue& default_value() const { return default_; }
  Origin origin() const { return origin_; }
  /// "default", "environment OMP_NUM_THREADS", "config settings.yaml", "command line".
  const std::string& origin_text() const { return origin_text_; }
  /// "a whole number of at least 1", "one of fp32, tf32, bf16, fp16".
  std::string expected() const;
  /// Short form of a number's limits for --help: "at least 1", "0 to 1"; "" = none.
  std::string limits() const;

 private:
  friend class OptionSet;

  OptionValue parse(const std::vector<std::string>& texts, const std::string& where) const;
  bool in_range(double number) const;

  std::string name_;
  Kind kind_;
  std::string help_;
  Target target_;
  OptionValue default_;
  std::string placeholder_;
  std::string section_;
  double least_ = -std::numeric_limits<double>::infinity();
  double most_ = std::numeric_limits<double>::infinity();
  bool below_most_ = false;
  std::vector<std::string> choices_;
  std::string environment_;
  std::string silence_;
  bool addition_ = false;
  bool command_line_only_ = false;
  bool local_ = false;
  bool is_path_ = false;
  bool required_ = false;
  bool is_positional_ = false;
  Origin origin_ = Origin::kDefault;
  std::string origin_text_ = "default";
};

/// Text of a value for people and for YAML's flow style: true, 128, 2.0e-05, out, [a, b], null.
std::string to_text(const OptionValue& value);

namespace option_detail {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// An enumeration, or what an optional of one holds.
template <typename T>
struct EnumIn {
  using type = T;
};
template <typename T>
struct EnumIn<std::optional<T>> {
  using type = T;
};
template <typename T>
using EnumOf = typename EnumIn<T>::type;

template <typename T>
constexpr Option::Kind kind_of() {
  if constexpr (IsOptional<T>::value) {
    return kind_of<typename T::value_type>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return Option::Kind::kSwitch;
  } else if constexpr (std::is_integral_v<T>) {
    return Option::Kind::kInteger;
  } else if constexpr (std::is_floating_point_v<T>) {
    return Option::Kind::kNumber;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return Option::Kind::kList;
  } else {
    static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, std::filesystem::path>);
    return Option::Kind::kText;
  }
}

/// An empty text, path or list is none, as is an empty optional.
template <typename T>
OptionValue load(const T& target) {
  if constexpr (IsOptional<T>::value) {
    return target ? load(*target) : OptionValue();
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return load(target.string());
  } else if constexpr (std::is_same_v<T, bool>) {
    return target;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<int64_t>(target);
  } else if constexpr (std::is_floating_point_v<T>) {
    return target;
  } else {
    return target.empty() ? OptionValue() : OptionValue(target);
  }
}

template <typename T>
void store(const OptionValue& value, T& target) {
  if constexpr (IsOptional<T>::value) {
    store(value, target.emplace());
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    target = std::get<std::string>(value);
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    target = static_cast<T>(std::get<int64_t>(value));
  } else {
    target = std::get<T>(value);
  }
}

/// Largest whole number that T and int64_t both hold.
template <typename T>
constexpr double largest() {
  if constexpr (IsOptional<T>::value) {
    return largest<typename T::value_type>();
  } else if constexpr (std::is_integral_v<T> && sizeof(T) < sizeof(int64_t)) {
    return static_cast<double>(std::numeric_limits<T>::max());
  } else {
    return std::numeric_limits<double>::infinity();
  }
}

}  // namespace option_detail
}  // namespace canine
