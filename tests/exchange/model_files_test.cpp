#include "canine/exchange/model_files.hpp"

// After LibTorch, whose logging has a CHECK of its own.
#undef CHECK
#include <catch2/catch_test_macros.hpp>

#include "canine/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace canine {
namespace {

namespace fs = std::filesystem;

TEST_CASE("Files belong to the model or run in their folder, also those that are not there yet") {
  const testing::TemporaryFolder folder;
  for (const char* mark :
       {"12.bin", "last.bin", "model.safetensors", "prepared.json", "model.safetensors.index.json"}) {
    const fs::path place = folder / fs::path(mark).stem();
    fs::create_directories(place);
    CHECK_FALSE(belongs_to_model(place / "key.csv"));
    write_file(place / mark, "");
    for (const char* part : {"key.csv", "last.bin", "3.bin", "config.json", "canine.json", "args.yaml", "logs.csv",
                             "model-00001-of-00002.safetensors", "pytorch_model.fp16.bin"}) {
      CHECK(belongs_to_model(place / part));
    }
    for (const char* other : {"rows.csv", "export.bin", "encoder.safetensors", "metrics.json", "-3.bin"}) {
      CHECK_FALSE(belongs_to_model(place / other));
    }
  }
  fs::create_symlink(folder / "12" / "12.bin", folder / "free.bin");
  CHECK(belongs_to_model(folder / "free.bin"));
  CHECK_FALSE(belongs_to_model(folder / "absent" / "last.bin"));
}

}  // namespace
}  // namespace canine
