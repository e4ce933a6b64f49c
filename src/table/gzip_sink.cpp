#include <arrow/util/compression.h>

#include <array>

#include "byte_sink.hpp"
#include "canine/core/errors.hpp"

namespace canine {
namespace {

constexpr int kLevel = 6;  // the usual one of gzip

template <typename T>
T value_of(arrow::Result<T> result) {
  if (!result.ok()) throw IoError("gzip: {}", result.status().ToString());
  return std::move(result).ValueUnsafe();
}

class GzipSink : public ByteSink {
 public:
  explicit GzipSink(std::unique_ptr<ByteSink> target)
      : target_(std::move(target)),
        codec_(value_of(arrow::util::Codec::Create(arrow::Compression::GZIP, kLevel))),
        compressor_(value_of(codec_->MakeCompressor())) {}

  void write(std::span<const std::byte> bytes) override {
    size_ += bytes.size();
    while (!bytes.empty()) {
      const auto step = value_of(compressor_->Compress(static_cast<int64_t>(bytes.size()), data(bytes.data()),
                                                       static_cast<int64_t>(packed_.size()), room()));
      pass_on(step.bytes_written);
      bytes = bytes.subspan(static_cast<size_t>(step.bytes_read));
    }
  }

  uint64_t size() const override { return size_; }

  void commit() override {
    for (bool more = true; more;) {
      const auto end = value_of(compressor_->End(static_cast<int64_t>(packed_.size()), room()));
      pass_on(end.bytes_written);
      more = end.should_retry;
    }
    target_->commit();
  }

 private:
  static const uint8_t* data(const std::byte* bytes) { return reinterpret_cast<const uint8_t*>(bytes); }
  uint8_t* room() { return reinterpret_cast<uint8_t*>(packed_.data()); }
  void pass_on(int64_t size) { target_->write(std::span(packed_).first(static_cast<size_t>(size))); }

  std::unique_ptr<ByteSink> target_;
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::util::Compressor> compressor_;
  std::array<std::byte, size_t{64} << 10> packed_;
  uint64_t size_ = 0;
};

}  // namespace

std::unique_ptr<ByteSink> make_gzip_sink(std::unique_ptr<ByteSink> target) {
  return std::make_unique<GzipSink>(std::move(target));
}

}  // namespace canine
