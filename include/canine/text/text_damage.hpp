#pragma once

#include <string_view>

namespace canine {

/// What a wrong encoding has left of a text on its way to us, although it is UTF-8 now.
enum class TextDamage {
  kNone,
  kLost,     ///< U+FFFD stands where a character was
  kMisread,  ///< UTF-8 that was read in another encoding: "smÃ¸r" of "smør", "Ð¿Ð»" of "пл", "sm√∏r"
};

/// The worst of a text. Pairs and triples of characters tell kMisread that no language writes; "Ã" and "Â" before a
/// sign are always taken for it. ASCII is looked at by its bytes only, so that this is cheap.
TextDamage damage_of(std::string_view text);

}  // namespace canine
