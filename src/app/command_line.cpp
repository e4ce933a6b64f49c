#include "canine/app/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "canine/app/flag_hints.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr int kMostListValues = 10000;

UsageError unknown_option(const std::deque<Option>& options, const std::string& argument) {
  return UsageError("unknown option {}{}", argument, flag_hint(argument, options));
}

/// The one option that `name` (without the leading hyphens) is or abbreviates. Only options of the Python program may
/// be abbreviated, as there: so an abbreviation never turns into another option of ours, nor into a rarer one than the
/// one that the word is for elsewhere.
const Option& resolve(const std::deque<Option>& options, std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  std::vector<const Option*> matches;
  for (const Option& option : options) {
    if (option.is_positional()) continue;
    if (option.name() == name) return option;
    if (!option.is_addition() && option.name().starts_with(name)) matches.push_back(&option);
  }
  if (matches.size() == 1) {
    const std::string hint = meant_otherwise(name, *matches[0], options);
    if (hint.empty()) return *matches[0];
    throw UsageError("unknown option --{}{}; --{} must be written in full", name, hint, matches[0]->name());
  }
  if (matches.empty()) throw unknown_option(options, "--" + name);
  std::vector<std::string> names;
  for (const Option* option : matches) names.push_back("--" + option->name());
  throw UsageError("--{} is ambiguous: it may mean {}", name, fmt::join(names, ", "));
}

/// CLI11 reads some texts as more than text ("[a,b]", "{}", "-x"; which ones depends on its version), so values pass
/// through it behind this mark.
constexpr char kValueMark = '=';

bool is_long_option(const std::string& argument) { return argument.size() > 2 && argument.starts_with("--"); }

/// True for "-x" but not for "-", "-1" and "-.5".
bool is_short_option(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-' &&
         std::string_view("0123456789.").find(argument[1]) == std::string::npos;
}

/// The arguments for CLI11: options in their declared spelling, values marked. Of a list given twice only the last
/// stays.
std::vector<std::string> normalise(const std::deque<Option>& options, const std::vector<std::string>& arguments) {
  std::vector<std::string> normal;
  for (const std::string& argument : arguments) {
    if (!is_long_option(argument)) {
      normal.push_back(is_short_option(argument) ? argument : kValueMark + argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const Option& option = resolve(options, argument.substr(2, equals == std::string::npos ? equals : equals - 2));
    const std::string spelling = "--" + option.name();
    if (option.kind() == Option::Kind::kList) {
      const auto former = std::find(normal.begin(), normal.end(), spelling);
      if (former != normal.end()) normal.erase(former, std::find_if(former + 1, normal.end(), is_long_option));
    }
    if (option.kind() == Option::Kind::kSwitch) {
      normal.push_back(equals == std::string::npos ? spelling : spelling + argument.substr(equals));
    } else {
      normal.push_back(spelling);
      if (equals != std::string::npos) normal.push_back(kValueMark + argument.substr(equals + 1));
    }
  }
  return normal;
}

/// Gives the arguments that stand for themselves to the positional options, in order.
std::vector<GivenOption> take_positionals(const std::deque<Option>& options,
                                          const std::vector<std::string>& arguments) {
  std::vector<GivenOption> given;
  auto next = options.begin();
  for (const std::string& argument : arguments) {
    if (argument[0] != kValueMark) throw unknown_option(options, argument);
    next = std::find_if(next, options.end(), [](const Option& option) { return option.is_positional(); });
    if (next == options.end()) {
      throw UsageError("unexpected argument '{}': {}", argument.substr(1),
                       given.empty() ? "every value stands behind the option that takes it"
                                     : fmt::format("{} is the last that stands without an option", given.back().name));
    }
    given.push_back({next->name(), {argument.substr(1)}});
    ++next;
  }
  return given;
}

}  // namespace

std::vector<GivenOption> parse_command_line(const std::deque<Option>& options,
                                            const std::vector<std::string>& arguments) {
  CLI::App parser;
  parser.set_help_flag();
  parser.allow_extras();
  std::vector<CLI::Option*> handles;
  for (const Option& option : options) {
    if (option.is_positional()) {
      handles.push_back(nullptr);
      continue;
    }
    const std::string spelling = "--" + option.name();
    if (option.kind() == Option::Kind::kSwitch) {
      handles.push_back(parser.add_flag(spelling));
      continue;
    }
    // At least 0 values: a missing one is reported by Option::set, while CLI11 would take the next option for it.
    const bool is_list = option.kind() == Option::Kind::kList;
    handles.push_back(parser.add_option(spelling)->expected(0, is_list ? kMostListValues : 1));
    handles.back()->multi_option_policy(is_list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  }

  std::vector<std::string> normal = normalise(options, arguments);
  std::reverse(normal.begin(), normal.end());  // CLI11 takes a vector from its end
  try {
    parser.parse(std::move(normal));
  } catch (const CLI::Error& error) {
    throw UsageError("{}", error.what());
  }

  std::vector<GivenOption> given = take_positionals(options, parser.remaining());
  for (size_t i = 0; i < options.size(); ++i) {
    if (handles[i] == nullptr || handles[i]->count() == 0) continue;
    std::vector<std::string> texts = handles[i]->results();
    if (options[i].kind() != Option::Kind::kList) texts.erase(texts.begin(), texts.end() - 1);
    for (std::string& text : texts) {
      if (text.starts_with(kValueMark)) text.erase(0, 1);
    }
    given.push_back({options[i].name(), std::move(texts)});
  }
  return given;
}

}  // namespace canine
