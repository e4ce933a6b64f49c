#include "hub_server.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "canine/core/file.hpp"
#include "test_paths.hpp"

namespace canine::testing {
namespace {

/// Bytes that look like nothing in particular, always the same.
std::string weights() {
  std::string text(300'000, '\0');
  uint32_t state = 1;
  for (char& byte : text) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

}  // namespace

HubServer::HubServer(const std::vector<std::string>& behaviours) {
  std::filesystem::create_directories(model());
  write_file(model() / "config.json", R"({"model_type": "canine"})", false);
  write_file(model() / "key.json", R"({"1": "a"})", false);
  write_file(model() / "canine.json", R"({"type": "flat"})", false);
  write_file(model() / "model.safetensors", weights(), false);

  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (::pipe2(input.data(), O_CLOEXEC) != 0 || ::pipe2(output.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2 failed");
  }
  std::vector<std::string> words = {CANINE_PYTHON, "-S", CANINE_SOURCE "/tests/hub/hub_server.py",
                                    folder_.path().string()};
  words.insert(words.end(), behaviours.begin(), behaviours.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(input[0], STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  input_ = input[1];
  for (char byte = 0; ::read(output[0], &byte, 1) == 1 && byte != '\n';) endpoint_ += byte;
  ::close(output[0]);
  if (endpoint_.empty()) throw std::runtime_error("hub_server.py did not start");
}

HubServer::~HubServer() {
  ::close(input_);
  ::waitpid(pid_, nullptr, 0);
}

DownloadOptions HubServer::options(const std::filesystem::path& cache) const {
  DownloadOptions options;
  options.cache = cache;
  options.endpoint = endpoint_;
  options.stall_timeout = std::chrono::seconds(1);
  options.first_pause = std::chrono::milliseconds(0);
  return options;
}

std::vector<HubServer::Request> HubServer::requests() const {
  std::vector<Request> requests;
  std::ifstream file(folder_ / "requests.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    requests.push_back({json["host"], json["method"], json["path"], json["range"], json["authorization"]});
  }
  return requests;
}

std::vector<HubServer::Request> HubServer::requests(const std::string& method, const std::string& file) const {
  std::vector<Request> wanted;
  for (const Request& request : requests()) {
    const std::string path = request.path.substr(0, request.path.find('?'));
    if (request.method == method && path.ends_with("/" + file)) wanted.push_back(request);
  }
  return wanted;
}

}  // namespace canine::testing
