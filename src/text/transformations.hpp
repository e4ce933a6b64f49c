#pragma once

#include <string>
#include <string_view>

#include "canine/core/random.hpp"

namespace canine {

/// The changes that Augmentation chooses from (histocc/attacker.py of the Python program). All draw in the order of
/// that program, all work on code points, and all but the last two leave an empty text alone.
using Text = std::u32string;

void delete_character(Text& text, Philox& random);
/// A lower-case letter becomes one of its neighbours on a QWERTY keyboard; other characters stay.
void hit_neighbouring_key(Text& text, Philox& random);
/// A letter a-z, anywhere.
void insert_character(Text& text, Philox& random);
/// By a letter a-z, perhaps the same.
void replace_character(Text& text, Philox& random);
void swap_characters(Text& text, Philox& random);
/// Swaps two words next to each other and puts single blanks between all. A text of one word stays as it is.
void swap_words(Text& text, Philox& random);
/// Puts up to 20 letters and blanks in front, behind, or both, and a blank on either side of the text.
void add_noise(Text& text, Philox& random);
/// Puts a word (UTF-8) anywhere between the words and single blanks between all. The word is drawn before its place, so
/// by the caller.
void insert_word(Text& text, std::string_view word, Philox& random);

}  // namespace canine
