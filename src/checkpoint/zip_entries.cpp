#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "bytes.hpp"
#include "canine/core/errors.hpp"
#include "canine/core/parallel.hpp"
#include "zip_reader.hpp"

namespace canine {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{4} << 20;
constexpr uint64_t kMaxThreads = 8;
constexpr size_t kBufferBytes = size_t{256} << 10;

/// A part of a stored entry, or a whole deflated one.
struct Piece {
  size_t read = 0;      ///< index of its ZipRead
  uint64_t offset = 0;  ///< within the entry
  uint64_t size = 0;
  uLong crc = 0;  ///< result
};

std::vector<Piece> split(const std::vector<ZipRead>& reads) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < reads.size(); ++i) {
    const ZipEntry& entry = *reads[i].entry;
    uint64_t offset = 0;
    do {
      const uint64_t size = entry.deflated ? entry.size : std::min(kPieceBytes, entry.size - offset);
      pieces.push_back({.read = i, .offset = offset, .size = size, .crc = 0});
      offset += size;
    } while (offset < entry.size);
  }
  return pieces;
}

uLong checksum(uLong crc, std::span<const std::byte> bytes) {
  return crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

/// Reads pieces with buffers of its own; one per thread.
class PieceReader {
 public:
  explicit PieceReader(const RandomAccessFile& file) : file_(file) {}

  uLong read(const ZipRead& read, const Piece& piece) {
    if (read.entry->deflated) return inflate_entry(read);
    uLong crc = checksum(0, {});
    // In small steps, so that the checksum finds the bytes in the cache.
    for (uint64_t done = 0; done < piece.size; done += kBufferBytes) {
      const size_t size = std::min<uint64_t>(kBufferBytes, piece.size - done);
      const auto part = std::span(read.out ? read.out + piece.offset + done : scratch(), size);
      file_.read(read.entry->data + piece.offset + done, part);
      crc = checksum(crc, part);
    }
    return crc;
  }

 private:
  struct Inflater {
    z_stream stream{};
    Inflater() {
      if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw InternalError("zlib could not be started");
    }
    ~Inflater() { inflateEnd(&stream); }
  };

  std::byte* scratch() {
    if (!scratch_) scratch_ = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
    return scratch_.get();
  }

  uLong inflate_entry(const ZipRead& read) {
    const ZipEntry& entry = *read.entry;
    Inflater inflater;
    z_stream& stream = inflater.stream;
    if (!input_) input_ = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
    uint64_t taken = 0;
    uint64_t given = 0;
    uLong crc = checksum(0, {});
    int status = Z_OK;
    while (status == Z_OK) {
      if (stream.avail_in == 0) {
        const auto part = std::span(input_.get(), std::min<uint64_t>(kBufferBytes, entry.stored_size - taken));
        file_.read(entry.data + taken, part);
        taken += part.size();
        stream.next_in = reinterpret_cast<Bytef*>(part.data());
        stream.avail_in = static_cast<uInt>(part.size());
      }
      const auto out =
          std::span(read.out ? read.out + given : scratch(), std::min<uint64_t>(kBufferBytes, entry.size - given));
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      status = inflate(&stream, Z_NO_FLUSH);
      const size_t got = out.size() - stream.avail_out;
      crc = checksum(crc, out.first(got));
      given += got;
    }
    if (status != Z_STREAM_END || given != entry.size || taken != entry.stored_size || stream.avail_in != 0) {
      throw CheckpointError("{}: zip entry '{}': its compressed data are damaged", file_.path().string(),
                            printable(entry.name));
    }
    return crc;
  }

  const RandomAccessFile& file_;
  std::unique_ptr<std::byte[]> scratch_;
  std::unique_ptr<std::byte[]> input_;
};

}  // namespace

void read_zip_entries(const RandomAccessFile& file, const std::vector<ZipRead>& reads) {
  std::vector<Piece> pieces = split(reads);
  std::atomic<size_t> next{0};
  uint64_t bytes = 0;
  for (const ZipRead& read : reads) bytes += read.entry->size;
  const auto threads = static_cast<int64_t>(std::min(bytes / kPieceBytes + 1, kMaxThreads));
  parallel_chunks(threads, 0, 1, [&](int64_t, int64_t, int) {
    PieceReader reader(file);
    for (size_t i = next++; i < pieces.size(); i = next++)
      pieces[i].crc = reader.read(reads[pieces[i].read], pieces[i]);
  });
  for (size_t i = 0; i < pieces.size();) {
    const size_t read = pieces[i].read;
    uLong crc = checksum(0, {});
    for (; i < pieces.size() && pieces[i].read == read; ++i) {
      crc = crc32_combine(crc, pieces[i].crc, static_cast<z_off_t>(pieces[i].size));
    }
    const ZipEntry& entry = *reads[read].entry;
    if (crc != entry.crc) {
      throw CheckpointError("{}: record '{}' is damaged: its CRC-32 is {:08x}, {:08x} was expected",
                            file.path().string(), printable(entry.name), crc, entry.crc);
    }
  }
}

}  // namespace canine
