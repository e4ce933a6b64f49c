#include "canine/core/json_depth.hpp"

namespace canine {

bool nests_too_deeply(std::string_view json) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char byte = json[i];
    if (in_text) {
      if (byte == '\\') ++i;  // what follows ends no text
      if (byte == '"') in_text = false;
    } else if (byte == '"') {
      in_text = true;
    } else if (byte == '[' || byte == '{') {
      if (++depth > kMostJsonLevels) return true;
    } else if (byte == ']' || byte == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace canine
