#include "zip_writer.hpp"

#include <zlib.h>

#include <algorithm>
#include <utility>

#include "bytes.hpp"
#include "canine/core/errors.hpp"
#include "zip_format.hpp"

namespace canine {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;  // checksummed and written while it is in the cache
constexpr uint64_t kAlignment = 64;

bool needs_zip64(uint64_t number) { return number >= zip::kSaturated32; }

uint64_t saturated(uint64_t number) { return std::min(number, zip::kSaturated32); }

/// Extra field with the numbers that do not fit 32 bits, or nothing. miniz does not know the stored size yet when it
/// writes the local header.
std::string zip64_field(const ZipWriter::Entry& entry, uint64_t stored_size) {
  std::string numbers;
  if (needs_zip64(entry.size)) {
    put_little_endian(numbers, entry.size, 8);
    put_little_endian(numbers, stored_size, 8);
  }
  if (needs_zip64(entry.offset)) put_little_endian(numbers, entry.offset, 8);
  if (numbers.empty()) return {};
  std::string field;
  put_little_endian(field, zip::kZip64FieldId, 2);
  put_little_endian(field, numbers.size(), 2);
  return field + numbers;
}

/// miniz leaves the descriptor of an empty entry away.
uint16_t flags_of(const ZipWriter::Entry& entry) {
  return entry.size == 0 ? zip::kFlagUtf8 : zip::kFlagUtf8 | zip::kFlagDescriptor;
}

}  // namespace

void ZipWriter::add(const std::string& name, std::string_view content) {
  // A copy, because the hashing thread may read it after the caller has let go of it.
  const auto copy = std::make_shared<const std::string>(content);
  add(name, std::as_bytes(std::span(*copy)), copy);
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> content,
                    const std::shared_ptr<const void>& owner) {
  Entry entry{.name = name, .crc = 0, .size = content.size(), .offset = file_.size()};
  write_local_header(entry);
  uLong crc = crc32_z(0, nullptr, 0);
  for (size_t begin = 0; begin < content.size(); begin += kPieceBytes) {
    const auto piece = content.subspan(begin, std::min(kPieceBytes, content.size() - begin));
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size());
    file_.write(piece, owner);
  }
  entry.crc = static_cast<uint32_t>(crc);
  if (entry.size > 0) write_descriptor(entry);
  entries_.push_back(std::move(entry));
}

void ZipWriter::write_local_header(const Entry& entry) {
  const std::string name = prefix_ + entry.name;
  const std::string zip64 = zip64_field(entry, 0);
  const uint64_t data = entry.offset + zip::kLocalHeaderBytes + name.size() + zip64.size() + 4;
  const std::string filling((kAlignment - data % kAlignment) % kAlignment, zip::kFilling);
  std::string header;
  put_little_endian(header, zip::kLocalHeader, 4);
  put_little_endian(header, 0, 2);  // version needed
  put_little_endian(header, flags_of(entry), 2);
  put_little_endian(header, zip::kStored, 2);
  put_little_endian(header, 0, 4);  // time and date
  put_little_endian(header, 0, 4);  // checksum and sizes stand in the descriptor
  put_little_endian(header, 0, 8);
  put_little_endian(header, name.size(), 2);
  put_little_endian(header, zip64.size() + 4 + filling.size(), 2);
  header += name;
  header += zip64;
  put_little_endian(header, zip::kFillingFieldId, 2);
  put_little_endian(header, filling.size(), 2);
  file_.write(header + filling);
}

void ZipWriter::write_descriptor(const Entry& entry) {
  const int width = needs_zip64(entry.size) || needs_zip64(entry.offset) ? 8 : 4;
  std::string descriptor;
  put_little_endian(descriptor, zip::kDescriptor, 4);
  put_little_endian(descriptor, entry.crc, 4);
  put_little_endian(descriptor, entry.size, width);
  put_little_endian(descriptor, entry.size, width);
  file_.write(descriptor);
}

std::string ZipWriter::directory_record(const Entry& entry) const {
  const std::string zip64 = zip64_field(entry, entry.size);
  std::string record;
  put_little_endian(record, zip::kDirectoryRecord, 4);
  put_little_endian(record, 0, 4);  // versions
  put_little_endian(record, flags_of(entry), 2);
  put_little_endian(record, zip::kStored, 2);
  put_little_endian(record, 0, 4);  // time and date
  put_little_endian(record, entry.crc, 4);
  put_little_endian(record, saturated(entry.size), 4);
  put_little_endian(record, saturated(entry.size), 4);
  put_little_endian(record, prefix_.size() + entry.name.size(), 2);
  put_little_endian(record, zip64.size(), 2);
  put_little_endian(record, 0, 6);  // no comment, first disk, no attributes
  put_little_endian(record, 0, 4);
  put_little_endian(record, saturated(entry.offset), 4);
  return record + prefix_ + entry.name + zip64;
}

void ZipWriter::finish() {
  const uint64_t directory = file_.size();
  for (const Entry& entry : entries_) file_.write(directory_record(entry));
  const uint64_t end = file_.size();
  std::string text;
  put_little_endian(text, zip::kEndRecord64, 4);
  put_little_endian(text, zip::kEndRecord64Bytes - 12, 8);
  put_little_endian(text, 0x031e, 2);  // made by: Unix, version 3.0
  put_little_endian(text, 45, 2);      // version needed for ZIP64
  put_little_endian(text, 0, 8);       // disks
  put_little_endian(text, entries_.size(), 8);
  put_little_endian(text, entries_.size(), 8);
  put_little_endian(text, end - directory, 8);
  put_little_endian(text, directory, 8);

  put_little_endian(text, zip::kEndLocator64, 4);
  put_little_endian(text, 0, 4);
  put_little_endian(text, end, 8);
  put_little_endian(text, 1, 4);

  const uint64_t count = std::min<uint64_t>(entries_.size(), zip::kSaturated16);
  put_little_endian(text, zip::kEndRecord, 4);
  put_little_endian(text, 0, 4);
  put_little_endian(text, count, 2);
  put_little_endian(text, count, 2);
  put_little_endian(text, saturated(end - directory), 4);
  put_little_endian(text, saturated(directory), 4);
  put_little_endian(text, 0, 2);
  file_.write(text);
}

}  // namespace canine
