// Trains a CANINE mixer on CSV and Parquet files that are ready for training (see --help).

#include "canine/app/train_mixer.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::train_mixer_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
