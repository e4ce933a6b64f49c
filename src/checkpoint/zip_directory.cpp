#include <algorithm>
#include <array>
#include <unordered_set>

#include "bytes.hpp"
#include "zip_format.hpp"
#include "zip_reader.hpp"

namespace canine {
namespace {

constexpr uint64_t kMaxEntries = 1'000'000;
constexpr uint64_t kMaxDirectoryBytes = uint64_t{128} << 20;
constexpr uint64_t kMaxCommentBytes = 65535;
constexpr uint64_t kSharedBytes = 10;

// Memory that deflated entries may grow to. Weights hardly shrink; only bombs and zeros grow much.
constexpr uint64_t kMaxGrowth = 20;
constexpr uint64_t kFreeGrowth = uint64_t{64} << 20;

std::string read_text(const RandomAccessFile& file, uint64_t offset, uint64_t size) {
  std::string text(size, '\0');
  file.read(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

class DirectoryReader {
 public:
  explicit DirectoryReader(const RandomAccessFile& file) : file_(file) {}

  std::vector<ZipEntry> read() {
    const End end = find_end();
    const std::string bytes = read_text(file_, end.directory, end.directory_bytes);
    ByteReader reader(bytes, file_.path().string() + ": zip directory", end.directory);
    std::vector<ZipEntry> entries;
    for (uint64_t i = 0; i < end.entries; ++i) entries.push_back(read_record(reader));
    if (reader.remaining() > 0) reader.fail("more bytes than its entries need");
    check_names(entries);
    for (ZipEntry& entry : entries) check_local_header(entry, end.directory);
    check_places(entries, end.directory);
    check_growth(entries);
    return entries;
  }

 private:
  struct End {
    uint64_t entries = 0;
    uint64_t directory = 0;
    uint64_t directory_bytes = 0;
  };

  [[noreturn]] void refuse(std::string_view problem) const {
    throw CheckpointError("{}: not a usable zip file: {}", file_.path().string(), problem);
  }

  [[noreturn]] void refuse(const ZipEntry& entry, std::string_view problem) const {
    throw CheckpointError("{}: zip entry '{}': {}", file_.path().string(), printable(entry.name), problem);
  }

  /// The end record, which must be the file's last bytes but for its own comment.
  End find_end() const {
    const uint64_t tail_bytes = std::min(file_.size(), zip::kEndRecordBytes + kMaxCommentBytes);
    const std::string tail = read_text(file_, file_.size() - tail_bytes, tail_bytes);
    if (tail.size() < zip::kEndRecordBytes) refuse("it is too short");
    constexpr std::string_view kSignature("PK\5\6");
    for (size_t begin = tail.rfind(kSignature); begin != std::string::npos;
         begin = begin == 0 ? std::string::npos : tail.rfind(kSignature, begin - 1)) {
      if (tail.size() - begin < zip::kEndRecordBytes) continue;
      ByteReader reader(std::string_view(tail).substr(begin + kSignature.size()), file_.path().string());
      const uint64_t disks = reader.number(4);
      const uint64_t entries_here = reader.number(2);
      End end{.entries = reader.number(2), .directory = 0, .directory_bytes = reader.number(4)};
      end.directory = reader.number(4);
      if (reader.number(2) != reader.remaining()) continue;
      if (disks != 0 || entries_here != end.entries) refuse("it is one of several disks");
      return checked_end(end, file_.size() - tail_bytes + begin);
    }
    refuse("its end is missing (was it cut off, or is it not a file of torch.save?)");
  }

  /// Takes the ZIP64 end record into account, if there is one before `place`, where the end record lies.
  End checked_end(End end, uint64_t place) const {
    const bool saturated = end.entries == zip::kSaturated16 || end.directory == zip::kSaturated32 ||
                           end.directory_bytes == zip::kSaturated32;
    uint64_t directory_end = place;
    const uint64_t both = zip::kEndRecord64Bytes + zip::kEndLocator64Bytes;
    bool has_zip64 = false;
    if (place >= both) {
      const std::string bytes = read_text(file_, place - both, both);
      ByteReader locator(std::string_view(bytes).substr(zip::kEndRecord64Bytes), file_.path().string());
      has_zip64 = locator.number(4) == zip::kEndLocator64;
      if (has_zip64) {
        directory_end = place - both;
        if (locator.number(4) != 0 || locator.number(8) != directory_end || locator.number(4) != 1) {
          refuse("its ZIP64 locator points elsewhere");
        }
        end = read_end64(std::string_view(bytes).substr(0, zip::kEndRecord64Bytes), end);
      }
    }
    if (saturated && !has_zip64) refuse("its ZIP64 end record is missing");
    if (end.directory > directory_end || directory_end - end.directory != end.directory_bytes) {
      refuse("its directory does not lie where its end says");
    }
    if (end.entries > kMaxEntries || end.directory_bytes > kMaxDirectoryBytes ||
        end.entries * zip::kDirectoryRecordBytes > end.directory_bytes) {
      refuse(fmt::format("{} entries in a directory of {} bytes", end.entries, end.directory_bytes));
    }
    return end;
  }

  End read_end64(std::string_view bytes, const End& end32) const {
    ByteReader reader(bytes, file_.path().string() + ": ZIP64 end record");
    if (reader.number(4) != zip::kEndRecord64 || reader.number(8) != zip::kEndRecord64Bytes - 12) {
      refuse("its ZIP64 end record is missing");
    }
    reader.take(4);  // versions
    if (reader.number(8) != 0) refuse("it is one of several disks");
    End end{.entries = reader.number(8), .directory = 0, .directory_bytes = 0};
    if (reader.number(8) != end.entries) refuse("it is one of several disks");
    end.directory_bytes = reader.number(8);
    end.directory = reader.number(8);
    const auto agrees = [](uint64_t narrow, uint64_t wide, uint64_t limit) { return narrow == std::min(wide, limit); };
    if (!agrees(end32.entries, end.entries, zip::kSaturated16) ||
        !agrees(end32.directory, end.directory, zip::kSaturated32) ||
        !agrees(end32.directory_bytes, end.directory_bytes, zip::kSaturated32)) {
      refuse("its two end records disagree");
    }
    return end;
  }

  ZipEntry read_record(ByteReader& reader) const {
    ZipEntry entry;
    if (reader.number(4) != zip::kDirectoryRecord) reader.fail("no directory entry here");
    const uint64_t made_by = reader.number(2);
    entry.shared_fields = reader.take(kSharedBytes);
    ByteReader shared(entry.shared_fields, file_.path().string());
    shared.take(2);  // version needed
    const uint64_t flags = shared.number(2);
    const uint64_t method = shared.number(2);
    entry.crc = static_cast<uint32_t>(reader.number(4));
    entry.stored_size = reader.number(4);
    entry.size = reader.number(4);
    const uint64_t name_bytes = reader.number(2);
    const uint64_t extra_bytes = reader.number(2);
    const uint64_t comment_bytes = reader.number(2);
    const uint64_t disk = reader.number(2);
    reader.take(2);  // internal attributes
    const uint64_t attributes = reader.number(4);
    entry.header = reader.number(4);
    entry.name = reader.take(name_bytes);
    read_zip64_field(reader.take(extra_bytes), entry);
    reader.take(comment_bytes);
    entry.deflated = method == zip::kDeflated;
    entry.described = (flags & zip::kFlagDescriptor) != 0;
    if (disk != 0) refuse(entry, "it lies on another disk");
    if (flags & zip::kFlagEncrypted) refuse(entry, "it is encrypted");
    if (method != zip::kStored && method != zip::kDeflated) refuse(entry, fmt::format("unknown method {}", method));
    if (!entry.deflated && entry.stored_size != entry.size) refuse(entry, "its two sizes differ though it is stored");
    constexpr uint64_t kUnix = 3, kSymbolicLink = 0xA;
    if (made_by >> 8 == kUnix && attributes >> 28 == kSymbolicLink) refuse(entry, "it is a symbolic link");
    return entry;
  }

  /// Numbers that did not fit 32 bits, in the order of the zip format.
  void read_zip64_field(std::string_view extra, ZipEntry& entry) const {
    ByteReader fields(extra,
                      fmt::format("{}: extra field of zip entry '{}'", file_.path().string(), printable(entry.name)));
    bool found = false;
    while (fields.remaining() > 0) {
      const uint64_t id = fields.number(2);
      const std::string_view content = fields.take(fields.number(2));
      if (id != zip::kZip64FieldId) continue;
      if (found) refuse(entry, "it has two ZIP64 fields");
      found = true;
      ByteReader numbers(content, file_.path().string() + ": ZIP64 field");
      for (uint64_t* number : {&entry.size, &entry.stored_size, &entry.header}) {
        if (*number != zip::kSaturated32) continue;
        *number = numbers.number(8);
        if (*number < zip::kSaturated32) refuse(entry, "its ZIP64 field holds a number that needs none");
      }
      if (numbers.remaining() > 0) refuse(entry, "its ZIP64 field is too long");
    }
  }

  void check_names(const std::vector<ZipEntry>& entries) const {
    std::unordered_set<std::string_view> names;
    for (const ZipEntry& entry : entries) {
      const std::string framed = '/' + entry.name + '/';
      if (entry.name.empty() || entry.name.find_first_of(std::string_view("\\:\0", 3)) != std::string::npos ||
          framed.find("//") != std::string::npos || framed.find("/../") != std::string::npos ||
          framed.find("/./") != std::string::npos) {
        refuse(entry, "an unsafe name");
      }
      if (!names.insert(entry.name).second) refuse(entry, "the name occurs twice");
    }
  }

  /// Reads the local header, sets entry.data, and refuses one that says anything else than the directory.
  void check_local_header(ZipEntry& entry, uint64_t data_end) const {
    if (entry.header >= data_end || data_end - entry.header < zip::kLocalHeaderBytes + entry.name.size()) {
      refuse(entry, "its place is beyond the data (cut off?)");
    }
    const std::string fixed = read_text(file_, entry.header, zip::kLocalHeaderBytes + entry.name.size());
    ByteReader reader(fixed,
                      fmt::format("{}: local header of zip entry '{}'", file_.path().string(), printable(entry.name)),
                      entry.header);
    if (reader.number(4) != zip::kLocalHeader) refuse(entry, "no local header at its place");
    bool agrees = reader.take(kSharedBytes) == entry.shared_fields;
    const std::array<uint64_t, 3> local = {reader.number(4), reader.number(4), reader.number(4)};
    const std::array<uint64_t, 3> central = {entry.crc, entry.stored_size, entry.size};
    for (size_t i = 0; i < local.size(); ++i) {
      const bool elsewhere = entry.described && local[i] == 0;
      const bool wide = i > 0 && local[i] == zip::kSaturated32;  // then it stands in the ZIP64 field
      agrees = agrees && (elsewhere || wide || local[i] == central[i]);
    }
    const uint64_t name_bytes = reader.number(2);
    const uint64_t extra_bytes = reader.number(2);
    agrees = agrees && name_bytes == entry.name.size() && reader.take(name_bytes) == entry.name;
    if (!agrees) refuse(entry, "its two headers disagree");
    entry.data = entry.header + fixed.size() + extra_bytes;
    if (entry.data > data_end || data_end - entry.data < entry.stored_size) {
      refuse(entry, "its data reach beyond the file's (cut off?)");
    }
    check_filling(entry, read_text(file_, entry.header + fixed.size(), extra_bytes));
  }

  /// PyTorch's filling is known, so damage in it shows.
  void check_filling(const ZipEntry& entry, std::string_view extra) const {
    ByteReader fields(extra,
                      fmt::format("{}: extra field of zip entry '{}'", file_.path().string(), printable(entry.name)));
    while (fields.remaining() > 0) {
      const uint64_t id = fields.number(2);
      const std::string_view content = fields.take(fields.number(2));
      if (id == zip::kFillingFieldId && content.find_first_not_of(zip::kFilling) != std::string_view::npos) {
        refuse(entry, "the filling before its data is damaged");
      }
    }
  }

  void check_places(const std::vector<ZipEntry>& entries, uint64_t data_end) const {
    std::vector<const ZipEntry*> in_file;
    for (const ZipEntry& entry : entries) in_file.push_back(&entry);
    std::sort(in_file.begin(), in_file.end(), [](auto* left, auto* right) { return left->header < right->header; });
    for (size_t i = 0; i < in_file.size(); ++i) {
      const uint64_t next = i + 1 < in_file.size() ? in_file[i + 1]->header : data_end;
      const uint64_t end = in_file[i]->data + in_file[i]->stored_size;
      if (end > next) refuse(*in_file[i], "it overlaps another entry");
      check_descriptor(*in_file[i], end, next - end);
    }
  }

  /// Between the data and the next entry nothing may stand but the checksum and sizes once more.
  void check_descriptor(const ZipEntry& entry, uint64_t place, uint64_t bytes) const {
    if (entry.described ? bytes != 16 && bytes != 24 : bytes != 0) refuse(entry, "unknown bytes behind it");
    if (!entry.described) return;
    const std::string descriptor = read_text(file_, place, bytes);
    ByteReader reader(descriptor, file_.path().string());
    const int width = bytes == 16 ? 4 : 8;
    if (reader.number(4) != zip::kDescriptor || reader.number(4) != entry.crc ||
        reader.number(width) != entry.stored_size || reader.number(width) != entry.size) {
      refuse(entry, "the checksum and sizes behind it disagree with the directory");
    }
  }

  void check_growth(const std::vector<ZipEntry>& entries) const {
    uint64_t deflated = 0;
    const uint64_t limit = kFreeGrowth + kMaxGrowth * file_.size();
    for (const ZipEntry& entry : entries) {
      if (!entry.deflated) continue;
      if (entry.size > limit - deflated) {
        refuse(entry,
               fmt::format("compressed entries would grow beyond {} bytes; save the file without compression", limit));
      }
      deflated += entry.size;
    }
  }

  const RandomAccessFile& file_;
};

}  // namespace

std::vector<ZipEntry> read_zip_directory(const RandomAccessFile& file) { return DirectoryReader(file).read(); }

}  // namespace canine
