#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace canine {

inline std::string little_endian(uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(number >> (8 * i)));
  return text;
}

/// An entry of a zip file and the lies that its directory record tells about it.
struct ZipPart {
  std::string name;
  std::string content;  ///< as in the file
  uint16_t method = 0;
  uint16_t flags = 0;
  std::optional<uint32_t> crc = {};
  std::optional<uint64_t> stored_size = {};
  std::optional<uint64_t> size = {};
  std::optional<uint64_t> header = {};
  std::string extra = {};
  uint16_t made_by = 0;
  uint32_t attributes = 0;
  uint16_t disk = 0;
  std::string local_name = {};  ///< if another
};

/// Lies of the end record.
struct ZipEnd {
  std::optional<uint64_t> entries = {};
  std::optional<uint64_t> directory = {};
  std::optional<uint64_t> directory_bytes = {};
  uint16_t disk = 0;
  std::string comment = {};
  std::optional<uint16_t> comment_bytes = {};
  std::string before = {};  ///< between directory and end record
};

inline uint32_t crc_of(const std::string& text) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

inline std::string make_zip(const std::vector<ZipPart>& parts, const ZipEnd& end = {}) {
  std::string file;
  std::string directory;
  for (const ZipPart& part : parts) {
    const uint64_t header = part.header.value_or(file.size());
    const std::string sizes = little_endian(part.crc.value_or(crc_of(part.content)), 4) +
                              little_endian(part.stored_size.value_or(part.content.size()), 4) +
                              little_endian(part.size.value_or(part.content.size()), 4);
    const std::string common =
        little_endian(part.flags, 2) + little_endian(part.method, 2) + little_endian(0, 4) + sizes;
    const std::string& local_name = part.local_name.empty() ? part.name : part.local_name;
    if (!part.header) {
      file += "PK\3\4" + little_endian(20, 2) + common + little_endian(local_name.size(), 2) + little_endian(0, 2) +
              local_name + part.content;
    }
    directory += "PK\1\2" + little_endian(part.made_by, 2) + little_endian(20, 2) + common +
                 little_endian(part.name.size(), 2) + little_endian(part.extra.size(), 2) + little_endian(0, 2) +
                 little_endian(part.disk, 2) + little_endian(0, 2) + little_endian(part.attributes, 4) +
                 little_endian(header, 4) + part.name + part.extra;
  }
  const uint64_t count = end.entries.value_or(parts.size());
  return file + directory + end.before + "PK\5\6" + little_endian(end.disk, 2) + little_endian(end.disk, 2) +
         little_endian(count, 2) + little_endian(count, 2) +
         little_endian(end.directory_bytes.value_or(directory.size()), 4) +
         little_endian(end.directory.value_or(file.size()), 4) +
         little_endian(end.comment_bytes.value_or(static_cast<uint16_t>(end.comment.size())), 2) + end.comment;
}

/// Raw deflate of a text.
inline std::string deflated(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// The records of a torch file with this pickle and these storages ("data/0", ...).
inline std::vector<ZipPart> torch_parts(const std::string& pickle, const std::vector<std::string>& storages = {}) {
  std::vector<ZipPart> parts = {{.name = "a/data.pkl", .content = pickle},
                                {.name = "a/byteorder", .content = "little"}};
  for (size_t i = 0; i < storages.size(); ++i) {
    parts.push_back({.name = "a/data/" + std::to_string(i), .content = storages[i]});
  }
  parts.push_back({.name = "a/version", .content = "3\n"});
  return parts;
}

}  // namespace canine
