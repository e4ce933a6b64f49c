#include "canine/app/option_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "canine/app/command_line.hpp"
#include "canine/app/version.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/log.hpp"
#include "canine/core/result.hpp"

namespace canine {
namespace {

void read_environment(Option& option) {
  const char* text = std::getenv(option.environment_variable().c_str());
  if (text == nullptr) return;
  std::string value = text;
  value.resize(std::min(value.size(), value.find(',')));
  if (value.empty() || value == option.environment_silence()) return;
  const std::string origin = "environment " + option.environment_variable();
  try {
    option.set({value}, origin, Origin::kEnvironment, origin);
  } catch (const UsageError& error) {
    // A launcher's setting, which may be meant for another program, so no reason to stop.
    log_warning("{}={} has no effect here: {}", option.environment_variable(), text, error.what());
  }
}

}  // namespace

OptionSet::OptionSet(std::string program, std::string purpose, std::vector<Usage> usage, ConfigFiles config_files)
    : program_(std::move(program)), purpose_(std::move(purpose)), usage_(std::move(usage)) {
  section("General");
  add("help", help_, "show this text (also -h)").command_line_only();
  add("version", version_, "show the versions of the program and of LibTorch").addition().command_line_only();
  if (config_files == ConfigFiles::kNo) return;
  add("config", config_,
      fmt::format("YAML file with values for any of these options (hyphens or underscores){}; the command line wins "
                  "over it",
                  config_files == ConfigFiles::kArgsYaml ? ", for example the args.yaml of an earlier run" : ""))
      .takes("FILE")
      .addition()
      .command_line_only();
  add("print-config", print_config_, "show every value with its origin, in a form that --config reads, and stop")
      .addition()
      .command_line_only();
}

void OptionSet::section(std::string heading) { section_ = std::move(heading); }

Option& OptionSet::declare(Option option) {
  option.section_ = section_;
  options_.push_back(std::move(option));
  return options_.back();
}

void OptionSet::set_python_flags(const std::vector<std::string>& names) {
  for (Option& option : options_) option.addition();
  for (const std::string& name : names) find(name).addition(false);
}

void OptionSet::pass_over_config_keys(std::vector<std::string> keys) {
  foreign_keys_.insert(std::make_move_iterator(keys.begin()), std::make_move_iterator(keys.end()));
}

Option& OptionSet::find(std::string_view name) {
  const auto found =
      std::find_if(options_.begin(), options_.end(), [&](const Option& option) { return option.name() == name; });
  if (found == options_.end()) throw InternalError("no option is called --{}", name);
  return *found;
}

const Option& OptionSet::at(std::string_view name) const { return const_cast<OptionSet*>(this)->find(name); }

void OptionSet::set(std::string_view name, const std::string& value, const std::string& origin) {
  find(name).set({value}, origin, Origin::kConfigFile, origin);
}

bool OptionSet::given(std::string_view name) const {
  const Option& option = at(name);
  return option.origin() == Origin::kCommandLine || option.value() != option.default_value();
}

void OptionSet::note_if_ignored(std::string_view name, bool without_effect, std::string_view reason) const {
  if (without_effect && given(name)) log_note("--{} has no effect: {}", name, reason);
}

bool OptionSet::parse(const std::vector<std::string>& arguments) {
  const auto asks_for_help = [](const std::string& text) { return text == "-h" || text == "--help"; };
  if (std::any_of(arguments.begin(), arguments.end(), asks_for_help)) {
    print_result(help_text());
    return false;
  }
  const std::vector<GivenOption> given = parse_command_line(options_, arguments);
  const auto apply = [&](bool command_line_only) {
    for (const GivenOption& one : given) {
      Option& option = find(one.name);
      if (option.is_command_line_only() != command_line_only) continue;
      option.set(one.texts, option.spelling(), Origin::kCommandLine, "command line");
    }
  };
  apply(true);
  if (help_ || version_) {
    print_result(help_ ? help_text() : version_text(program_));
    return false;
  }
  for (Option& option : options_) {
    if (!option.environment_variable().empty()) read_environment(option);
  }
  if (!config_.empty()) read_config(config_);
  apply(false);
  if (print_config_) print_result(config_text());
  if (!print_config_) require_all_given();
  return !print_config_;
}

void OptionSet::require_all_given() const {
  for (const Option& option : options_) {
    if (!option.is_required() || option.origin() != Origin::kDefault) continue;
    throw UsageError("{} is missing: {} (see {} --help)", option.spelling(), option.help(), program_);
  }
}

}  // namespace canine
