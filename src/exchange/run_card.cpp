#include "canine/exchange/run_card.hpp"

#include <algorithm>
#include <vector>

#include "canine/checkpoint/run_folder.hpp"
#include "canine/checkpoint/torch_file.hpp"
#include "canine/core/errors.hpp"

namespace canine {

std::optional<ModelCard> read_run_card(const std::filesystem::path& folder) {
  for (const std::filesystem::path& path : RunFolder::checkpoints(folder)) {
    try {
      const PickleValue content = read_torch_outline(path);
      const PickleValue* state = content.find("canine");
      const PickleValue* card = state == nullptr ? nullptr : state->find("card");
      if (card == nullptr) return std::nullopt;
      const std::string source = path.string() + ": canine/card";
      const std::string& text = card->as_string(source);
      if (text.empty()) return std::nullopt;
      return ModelCard::parse(text, source);
    } catch (const Error&) {
      // a broken checkpoint, which whoever resumes from it names
    }
  }
  return std::nullopt;
}

}  // namespace canine
