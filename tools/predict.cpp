// Predicts codes for the descriptions of one CSV or Parquet file (see --help).

#include "canine/app/predict.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::predict_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
