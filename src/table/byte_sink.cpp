#include "byte_sink.hpp"

#include "canine/core/file.hpp"
#include "canine/core/output_path.hpp"
#include "canine/core/output_stream.hpp"

namespace canine {
namespace {

class FileSink : public ByteSink {
 public:
  explicit FileSink(const std::filesystem::path& path) : file_(path) {}
  void write(std::span<const std::byte> bytes) override { file_.write(bytes); }
  uint64_t size() const override { return file_.size(); }
  void commit() override { file_.commit(); }

 private:
  AtomicFile file_;
};

class StreamSink : public ByteSink {
 public:
  explicit StreamSink(const std::filesystem::path& name) : stream_(name) {}
  void write(std::span<const std::byte> bytes) override { stream_.write(bytes); }
  uint64_t size() const override { return stream_.size(); }
  void commit() override {}

 private:
  OutputStream stream_;
};

}  // namespace

std::unique_ptr<ByteSink> make_sink(const std::filesystem::path& path) {
  if (named_descriptor(path)) return std::make_unique<StreamSink>(path);
  return std::make_unique<FileSink>(path);
}

}  // namespace canine
