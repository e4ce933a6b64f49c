// Writes a model in another file format (see --help).

#include "canine/app/convert.hpp"
#include "canine/app/run_main.hpp"

int main(int argc, char** argv) {
  return canine::run_main([&] { return canine::convert_main(std::vector<std::string>(argv + 1, argv + argc)); });
}
