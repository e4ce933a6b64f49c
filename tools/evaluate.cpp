// Compares a model's predictions with the codes of labelled rows (see --help).

#include "canine/app/evaluate.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::evaluate_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
