// Shows what a model file or folder holds (see --help).

#include "canine/app/inspect.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::inspect_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
