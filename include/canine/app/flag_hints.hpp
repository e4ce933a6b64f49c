#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "canine/app/option.hpp"

namespace canine {

/// How a hint writes the name of an option: "--batch-size" on a command line, "'batch_size'" for a key of a file.
enum class Spelling { kFlag, kKey };

/// What to say of an option that a program does not have, to be put behind the message: by the meaning of the word
/// (app/flag_meanings.hpp), by the sister program that has such an option, else by the nearest spelling.
///
///     "; here that is --num-epochs"
///     "; it is one of finetune"
///     "; did you mean --batch-size?"
///
/// `word` as it was typed, with or without hyphens in front. "" if nothing comes to mind.
std::string flag_hint(std::string_view word, const std::deque<Option>& options, Spelling spelling = Spelling::kFlag);

/// What to say where `abbreviation` is the beginning of `option` alone, but a word for something else: in finetune
/// "--input" begins --input-col, and people mean --dataset. "" where it may mean the option.
std::string meant_otherwise(std::string_view abbreviation, const Option& option, const std::deque<Option>& options);

/// The programs that have an option of this name (with hyphens inside).
std::vector<std::string> programs_with(std::string_view option);

/// The candidate that `word` was probably meant to be, or "" if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace canine
