#include <arrow/buffer.h>
#include <arrow/io/compressed.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "byte_source.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// The packed bytes as Arrow reads them. Our own errors pass through Arrow as they are.
class PackedBytes : public arrow::io::InputStream {
 public:
  explicit PackedBytes(std::unique_ptr<RandomAccessFile> file) : source_(std::move(file)) {
    set_mode(arrow::io::FileMode::READ);
  }

  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    return static_cast<int64_t>(source_.read({static_cast<std::byte*>(out), static_cast<size_t>(bytes)}));
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, Read(bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  arrow::Result<int64_t> Tell() const override { return static_cast<int64_t>(source_.position()); }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

  const FileSource& source() const { return source_; }

 private:
  FileSource source_;
  bool closed_ = false;
};

arrow::Compression::type codec_of(FileKind::Packing packing) {
  switch (packing) {
    case FileKind::Packing::kGzip:
      return arrow::Compression::GZIP;
    case FileKind::Packing::kBzip2:
      return arrow::Compression::BZ2;
    case FileKind::Packing::kZstd:
      return arrow::Compression::ZSTD;
    case FileKind::Packing::kLz4:
      return arrow::Compression::LZ4_FRAME;
    case FileKind::Packing::kNone:
      break;
  }
  throw InternalError("no packing {}", static_cast<int>(packing));
}

/// The program that unpacks it on a command line.
std::string_view program_of(FileKind::Packing packing) {
  switch (packing) {
    case FileKind::Packing::kGzip:
      return "gzip";
    case FileKind::Packing::kBzip2:
      return "bzip2";
    case FileKind::Packing::kZstd:
      return "zstd";
    case FileKind::Packing::kLz4:
      return "lz4";
    case FileKind::Packing::kNone:
      break;
  }
  throw InternalError("no packing {}", static_cast<int>(packing));
}

class UnpackingSource : public ByteSource {
 public:
  UnpackingSource(std::unique_ptr<RandomAccessFile> file, const FileKind& kind)
      : path_(file->path()), kind_(kind), packed_(std::make_shared<PackedBytes>(std::move(file))) {
    codec_ = value_of(arrow::util::Codec::Create(codec_of(kind.packing)));
    unpacked_ = value_of(arrow::io::CompressedInputStream::Make(codec_.get(), packed_));
    start_.resize(kFileKindBytes);
    start_.resize(unpack(std::as_writable_bytes(std::span(start_))));
    refuse_other_than_text();
  }

  const std::filesystem::path& path() const override { return path_; }

  size_t read(std::span<std::byte> out) override {
    const size_t known = std::min(out.size(), start_.size() - start_read_);
    std::memcpy(out.data(), start_.data() + start_read_, known);
    start_read_ += known;
    const size_t bytes = known + unpack(out.subspan(known));
    position_ += bytes;
    return bytes;
  }

  uint64_t position() const override { return position_; }
  uint64_t size() const override { return UINT64_MAX; }
  double share_read() const override { return packed_->source().share_read(); }

 private:
  size_t unpack(std::span<std::byte> out) {
    size_t done = 0;
    while (done < out.size()) {
      const int64_t got = value_of(unpacked_->Read(static_cast<int64_t>(out.size() - done), out.data() + done));
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  template <typename T>
  T value_of(arrow::Result<T> result) const {
    if (result.ok()) return std::move(result).ValueUnsafe();
    if (result.status().IsOutOfMemory()) throw std::bad_alloc();
    throw DataError("{}: this is {}, but it cannot be unpacked behind byte {} of the unpacked text: {}. Is it whole?",
                    path_.string(), kind_.name, position_, result.status().message());
  }

  void refuse_other_than_text() const {
    FileKind inner = file_kind_of(start_);
    if (inner.form == FileKind::Form::kText) return;
    const std::string name = fmt::format("{} with {} in it", kind_.name, inner.name);
    std::string advice = fmt::format("Unpack it first: '{} -dc FILE > UNPACKED'", program_of(kind_.packing));
    if (inner.is_read()) {
      advice += ", and give what comes out";
    } else {
      std::string then(inner.advice);
      for (size_t at = 0; (at = then.find("FILE", at)) != std::string::npos;) then.replace(at, 4, "UNPACKED");
      advice += ". " + then;
    }
    refuse_file_kind(path_, FileKind::foreign(name, advice));
  }

  std::filesystem::path path_;
  FileKind kind_;
  std::shared_ptr<PackedBytes> packed_;
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::io::CompressedInputStream> unpacked_;
  std::string start_;  ///< unpacked to see what it is
  size_t start_read_ = 0;
  uint64_t position_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> make_unpacking_source(std::unique_ptr<RandomAccessFile> file, const FileKind& kind) {
  return std::make_unique<UnpackingSource>(std::move(file), kind);
}

}  // namespace canine
