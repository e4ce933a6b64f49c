// Fine-tunes a CANINE mixer on one CSV or Parquet file (see --help). Without flags: a first run on the bundled sample.

#include "canine/app/finetune.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::finetune_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
