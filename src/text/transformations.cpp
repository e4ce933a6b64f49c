#include "transformations.hpp"

#include <array>
#include <utility>
#include <vector>

#include "canine/core/utf8.hpp"

namespace canine {
namespace {

/// Keys next to a, b, c ... z.
constexpr auto kNeighbours = std::to_array<std::u32string_view>(
    {U"qwsz",   U"vghn",  U"xdfv", U"serfcx", U"wsdr", U"rtgvcd", U"tyhbvf", U"yujnbg", U"ujklo",
     U"uikmnh", U"ijolm", U"kop",  U"njkl",   U"bhjm", U"iklp",   U"ol",     U"wa",     U"edft",
     U"wedxz",  U"rfgy",  U"yhji", U"cfgb",   U"qase", U"zsdc",   U"tghu",   U"asx"});
static_assert(kNeighbours.size() == 26);

uint32_t draw_below(size_t bound, Philox& random) { return random.below(static_cast<uint32_t>(bound)); }
char32_t draw_letter(Philox& random) { return U'a' + random.below(26); }

/// Words of a text between runs of Python's white space.
using Words = std::vector<std::u32string_view>;

/// Buffers that each thread keeps, so that a row costs no allocation.
struct Buffers {
  Text source;
  Text word;
  std::pair<Text, Text> noise;
  Words words;
};
thread_local Buffers t_buffers;

/// Moves the text into the thread's buffer and splits it there.
Words& take_words(Text& text) {
  Buffers& buffers = t_buffers;
  buffers.source.swap(text);
  const std::u32string_view source = buffers.source;
  buffers.words.clear();
  for (size_t i = 0; i < source.size();) {
    while (i < source.size() && is_python_space(source[i])) ++i;
    const size_t start = i;
    while (i < source.size() && !is_python_space(source[i])) ++i;
    if (i > start) buffers.words.push_back(source.substr(start, i - start));
  }
  return buffers.words;
}

void join_words(const Words& words, Text& text) {
  text.clear();
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += U' ';
    text += words[i];
  }
}

void append_noise(Text& noise, Philox& random) {
  constexpr uint32_t kLongest = 20;
  const uint32_t length = 1 + random.below(kLongest);
  for (uint32_t i = 0; i < length; ++i) {
    const uint32_t symbol = random.below(27);
    noise += symbol == 26 ? U' ' : U'a' + symbol;
  }
}

}  // namespace

void delete_character(Text& text, Philox& random) {
  if (!text.empty()) text.erase(draw_below(text.size(), random), 1);
}

void hit_neighbouring_key(Text& text, Philox& random) {
  if (text.empty()) return;
  char32_t& character = text[draw_below(text.size(), random)];
  if (character < U'a' || character > U'z') return;
  const std::u32string_view neighbours = kNeighbours[character - U'a'];
  character = neighbours[draw_below(neighbours.size(), random)];
}

void insert_character(Text& text, Philox& random) {
  if (text.empty()) return;
  const size_t position = draw_below(text.size() + 1, random);
  text.insert(position, 1, draw_letter(random));
}

void replace_character(Text& text, Philox& random) {
  if (text.empty()) return;
  char32_t& character = text[draw_below(text.size(), random)];
  character = draw_letter(random);
}

void swap_characters(Text& text, Philox& random) {
  if (text.size() < 2) return;
  const size_t position = draw_below(text.size() - 1, random);
  std::swap(text[position], text[position + 1]);
}

void swap_words(Text& text, Philox& random) {
  Words& words = take_words(text);
  if (words.size() < 2) {
    t_buffers.source.swap(text);
    return;
  }
  const size_t position = draw_below(words.size() - 1, random);
  std::swap(words[position], words[position + 1]);
  join_words(words, text);
}

void add_noise(Text& text, Philox& random) {
  const auto coin = [&] { return random.uniform() > 0.5; };
  auto& [front, back] = t_buffers.noise;
  front.clear();
  back.clear();
  if (coin()) append_noise(front, random);
  if (coin()) append_noise(back, random);
  if (front.empty() && back.empty()) {
    append_noise(front, random);
    append_noise(back, random);
  }
  front += U' ';
  text.insert(0, front);
  text += U' ';
  text += back;
}

void insert_word(Text& text, std::string_view word, Philox& random) {
  Text& characters = t_buffers.word;
  characters.clear();
  for (size_t i = 0; i < word.size();) characters += next_code_point(word, i);
  Words& words = take_words(text);
  const size_t position = draw_below(words.size() + 1, random);
  words.insert(words.begin() + static_cast<std::ptrdiff_t>(position), characters);
  join_words(words, text);
}

}  // namespace canine
