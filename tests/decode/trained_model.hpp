#pragma once

#include <memory>

#include "canine/data/code_system.hpp"
#include "canine/data/key.hpp"
#include "canine/exchange/load_model.hpp"
#include "model/tiny_fixture.hpp"

namespace canine::test {

/// The fixture's trained model with its codes.
inline LoadedModel trained_model() {
  LoadedModel loaded;
  loaded.model = tiny_mixer(tiny_options(), "trained.safetensors");
  loaded.card.encoder = tiny_options().encoder;
  loaded.card.formatter = {.kind = FormatterKind::kGeneral, .num_columns = 2, .block_size = 5};
  CodeSystem::Options codes;
  codes.formatter = loaded.card.formatter;
  codes.target_cols = {"hisco_1", "hisco_2"};
  codes.key = std::make_shared<const LabelKey>(LabelKey::read(tiny_folder() / "data" / "key.csv"));
  loaded.codes = std::make_shared<const CodeSystem>(codes);
  loaded.path = tiny_folder() / "trained.safetensors";
  return loaded;
}

}  // namespace canine::test
