#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "canine/launch/launch_context.hpp"
#include "helper_process.hpp"

namespace canine {
namespace {

TEST_CASE("the environment of this process is read, values with '=' whole") {
  ::setenv("CANINE_TEST_VALUE", "a=b=c", 1);
  CHECK(process_environment().at("CANINE_TEST_VALUE") == "a=b=c");
  ::unsetenv("CANINE_TEST_VALUE");
  CHECK(process_environment().count("CANINE_TEST_VALUE") == 0);
}

TEST_CASE("host facts are those of this process") {
  const HostFacts facts = host_facts();
  CHECK_FALSE(facts.hostname.empty());
  CHECK(facts.user_id == static_cast<int>(::getuid()));
  CHECK(facts.launcher_pid == ::getppid());
  CHECK(facts.launcher_process.starts_with(std::to_string(::getppid()) + "-"));
  CHECK(facts.launcher_process == host_facts().launcher_process);
  CHECK(std::filesystem::is_directory(facts.temporary_folder));
}

TEST_CASE("the launcher is found through a wrapper script that was started as the rank") {
  const std::string script = HelperProcess::path() + " run launcher; true";  // a second command, so no exec
  for (const char* name : {"PMI_RANK", "OMPI_COMM_WORLD_RANK"}) {
    HelperProcess rank("/bin/sh", {"-c", script}, {{name, "0"}, {"PMI_SIZE", "1"}, {"OMPI_COMM_WORLD_SIZE", "1"}});
    CHECK(rank.events(1).front() == "0 launcher " + std::to_string(::getpid()));
    CHECK(rank.wait() == 0);
  }
  HelperProcess plain("/bin/sh", {"-c", script}, {});
  CHECK(plain.events(1).front() == "0 launcher " + std::to_string(plain.pid()));
}

TEST_CASE("every launcher has a name") {
  for (const Launcher launcher : {Launcher::kSingle, Launcher::kTorchrun, Launcher::kEnv, Launcher::kOpenMpi,
                                  Launcher::kPmi, Launcher::kSlurm, Launcher::kSelf}) {
    CHECK(std::string(name_of(launcher)) != "unknown");
  }
}

}  // namespace
}  // namespace canine
