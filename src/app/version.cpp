#include "canine/app/version.hpp"

#include <fmt/format.h>
#include <link.h>
#include <torch/version.h>

#include <cstring>

namespace canine {
namespace {

/// The linker's build id of the program (the note that `readelf -n` shows), "" if it was linked without one.
std::string build_id(const dl_phdr_info& program) {
  for (int i = 0; i < program.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = program.dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const char* note = reinterpret_cast<const char*>(program.dlpi_addr + header.p_vaddr);
    const char* const end = note + header.p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) head;
      std::memcpy(&head, note, sizeof head);
      const auto padded = [](size_t size) { return (size + 3) / 4 * 4; };
      const char* name = note + sizeof head;
      const char* value = name + padded(head.n_namesz);
      if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        std::string text;
        for (size_t k = 0; k < head.n_descsz; ++k) text += fmt::format("{:02x}", static_cast<unsigned char>(value[k]));
        return text;
      }
      note = value + padded(head.n_descsz);
    }
  }
  return "";
}

}  // namespace

std::string build_text() {
  std::string id;
  // The first object is the program itself.
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<std::string*>(result) = build_id(*info);
        return 1;
      },
      &id);
  return fmt::format("canine.cpp {}, LibTorch {}, build id {}", CANINE_VERSION, TORCH_VERSION, id);
}

std::string version_text(std::string_view program) {
  return fmt::format("{} of canine.cpp {}, LibTorch {}", program, CANINE_VERSION, TORCH_VERSION);
}

}  // namespace canine
