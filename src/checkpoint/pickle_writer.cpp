#include "pickle_writer.hpp"

#include <bit>
#include <limits>
#include <unordered_map>
#include <utility>

#include "big_int.hpp"
#include "bytes.hpp"
#include "canine/core/errors.hpp"
#include "pickle_opcodes.hpp"
#include "torch_types.hpp"

namespace canine {
namespace {

using namespace pickle;

constexpr size_t kBatch = 1000;  // items of one APPENDS or SETITEMS, as in CPython

class PickleWriter {
 public:
  PickledValue write(const PickleValue& value) {
    op(kProto);
    number(2, 1);
    save(value);
    op(kStop);
    return std::move(result_);
  }

 private:
  using Items = std::vector<std::pair<PickleValue, PickleValue>>;

  void op(char code) { result_.pickle.push_back(code); }
  void number(uint64_t value, int bytes) { put_little_endian(result_.pickle, value, bytes); }

  /// Puts what was written last into the memo and returns its place there.
  uint32_t remember() {
    op(next_memo_ < 256 ? kBinPut : kLongBinPut);
    number(next_memo_, next_memo_ < 256 ? 1 : 4);
    return next_memo_++;
  }

  void recall(uint32_t place) {
    op(place < 256 ? kBinGet : kLongBinGet);
    number(place, place < 256 ? 1 : 4);
  }

  void save(const PickleValue& value) {
    std::visit([this](const auto& known) { save_known(known); }, value.variant());
  }

  void save_known(const PickleValue::None&) { op(kNone); }
  void save_known(bool value) { op(value ? kNewTrue : kNewFalse); }

  void save_known(int64_t value) {
    if (value >= 0 && value < 256) {
      op(kBinInt1);
      number(static_cast<uint64_t>(value), 1);
    } else if (value >= 0 && value < 65536) {
      op(kBinInt2);
      number(static_cast<uint64_t>(value), 2);
    } else if (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max()) {
      op(kBinInt);
      number(static_cast<uint64_t>(value), 4);
    } else {
      save_known(PickleValue::BigInt{std::to_string(value)});
    }
  }

  void save_known(const PickleValue::BigInt& value) {
    const std::string bytes = bytes_of_decimal(value.digits);
    if (bytes.size() > 255) throw CheckpointError("a whole number of {} bytes cannot be saved", bytes.size());
    op(kLong1);
    number(bytes.size(), 1);
    result_.pickle += bytes;
  }

  void save_known(double value) {
    op(kBinFloat);
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) number(bits >> shift, 1);
  }

  using Memo = std::unordered_map<std::string, uint32_t>;

  void save_known(const std::string& text) { save_text(text, texts_); }

  void save_text(const std::string& text, Memo& memo) {
    if (const auto known = memo.find(text); known != memo.end()) return recall(known->second);
    op(kBinUnicode);
    number(text.size(), 4);
    result_.pickle += text;
    memo.emplace(text, remember());
  }

  void save_global(const std::string& name) {
    if (const auto known = globals_.find(name); known != globals_.end()) return recall(known->second);
    op(kGlobal);
    result_.pickle += name + '\n';
    globals_.emplace(name, remember());
  }

  /// Protocol 2 has no bytes: Python says them as text to be encoded.
  void save_known(const PickleValue::Bytes& bytes) {
    std::string text;
    for (const char byte : bytes.data) {
      const auto code = static_cast<unsigned char>(byte);
      if (code >= 0x80) text.push_back(static_cast<char>(0xc0 | (code >> 6)));
      text.push_back(static_cast<char>(code >= 0x80 ? 0x80 | (code & 0x3f) : code));
    }
    save_global("_codecs\nencode");
    save_known(text);
    save_known(std::string("latin1"));
    op(kTuple2);
    remember();
    op(kReduce);
    remember();
  }

  void save_known(const PickleValue::List& items) {
    op(kEmptyList);
    remember();
    if (items.size() == 1) {
      save(items.front());
      op(kAppend);
      return;
    }
    for (size_t begin = 0; begin < items.size(); begin += kBatch) {
      op(kMark);
      for (size_t i = begin; i < std::min(items.size(), begin + kBatch); ++i) save(items[i]);
      op(kAppends);
    }
  }

  void save_known(const PickleValue::Tuple& tuple) {
    const size_t size = tuple.items.size();
    if (size == 0) return op(kEmptyTuple);
    if (size > 3) op(kMark);
    for (const PickleValue& item : tuple.items) save(item);
    op(size == 1 ? kTuple1 : size == 2 ? kTuple2 : size == 3 ? kTuple3 : kTuple);
    remember();
  }

  void save_known(const PickleValue::Set& set) {
    save_global("__builtin__\nset");
    save_known(set.items);
    op(kTuple1);
    remember();
    op(kReduce);
    remember();
  }

  void save_known(const PickleValue::Dict& dict) {
    if (!dict.ordered) {
      save_plain_dict(dict.items);
      return;
    }
    save_ordered_dict();
    remember();
    save_ordered_items(dict.items);
    if (dict.attributes.empty()) return;
    save_plain_dict(dict.attributes);
    op(kBuild);
  }

  /// An empty collections.OrderedDict.
  void save_ordered_dict() {
    save_global("collections\nOrderedDict");
    op(kEmptyTuple);
    op(kReduce);
  }

  void save_plain_dict(const Items& items) {
    op(kEmptyDict);
    remember();
    if (items.size() == 1) return save_item(items.front());
    for (size_t begin = 0; begin < items.size(); begin += kBatch) save_batch(items, begin);
    // CPython looks for a further batch after a full one before it finds that there is none.
    if (!items.empty() && items.size() % kBatch == 0) save_batch(items, items.size());
  }

  /// CPython goes through an iterator here, so that a last batch of one item is seen as such.
  void save_ordered_items(const Items& items) {
    for (size_t begin = 0; begin < items.size(); begin += kBatch) {
      if (begin + 1 == items.size()) {
        save_item(items[begin]);
      } else {
        save_batch(items, begin);
      }
    }
  }

  void save_item(const Items::value_type& item) {
    save(item.first);
    save(item.second);
    op(kSetItem);
  }

  void save_batch(const Items& items, size_t begin) {
    op(kMark);
    for (size_t i = begin; i < std::min(items.size(), begin + kBatch); ++i) {
      save(items[i].first);
      save(items[i].second);
    }
    op(kSetItems);
  }

  void save_known(const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage() || tensor.is_quantized() || tensor.is_neg() || tensor.is_conj()) {
      throw CheckpointError("only plain tensors can be saved");
    }
    save_global("torch._utils\n_rebuild_tensor_v2");
    op(kMark);
    save_storage(tensor);
    save_known(tensor.storage_offset());
    save_sizes(tensor.sizes());
    save_sizes(tensor.strides());
    op(kNewFalse);  // requires_grad
    save_ordered_dict();
    remember();
    op(kTuple);
    remember();
    op(kReduce);
    remember();
  }

  void save_storage(const at::Tensor& tensor) {
    const std::string name(storage_name(tensor.scalar_type()));
    if (name.empty()) throw CheckpointError("a tensor of type {} cannot be saved", c10::toString(tensor.scalar_type()));
    op(kMark);
    save_known(std::string("storage"));
    save_global("torch\n" + name);
    save_text(std::to_string(storage_index(tensor)), storage_keys_);
    save_known(std::string("cpu"));
    save_known(static_cast<int64_t>(tensor.storage().nbytes() / tensor.element_size()));
    op(kTuple);
    remember();
    op(kBinPersId);
  }

  size_t storage_index(const at::Tensor& tensor) {
    const auto [known, is_new] = storages_.try_emplace(tensor.storage().unsafeGetStorageImpl(),
                                                       std::pair(result_.storages.size(), tensor.scalar_type()));
    if (is_new) result_.storages.push_back(tensor.storage());
    if (known->second.second != tensor.scalar_type()) {
      throw CheckpointError("two tensors of types {} and {} share their memory; such cannot be saved",
                            c10::toString(known->second.second), c10::toString(tensor.scalar_type()));
    }
    return known->second.first;
  }

  void save_sizes(at::IntArrayRef sizes) {
    PickleValue::Tuple tuple;
    for (const int64_t size : sizes) tuple.items.emplace_back(size);
    save_known(tuple);
  }

  [[noreturn]] void save_known(const PickleValue::Opaque& value) {
    throw CheckpointError("an object of '{}' cannot be saved", value.name);
  }

  PickledValue result_;
  uint32_t next_memo_ = 0;
  Memo texts_;
  Memo storage_keys_;  // apart: torch makes new texts of the numbers, equal to no other object
  Memo globals_;
  std::unordered_map<const c10::StorageImpl*, std::pair<size_t, c10::ScalarType>> storages_;
};

}  // namespace

PickledValue write_pickle(const PickleValue& value) { return PickleWriter().write(value); }

}  // namespace canine
