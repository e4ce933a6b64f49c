#include "pickle_reader.hpp"

#include <bit>
#include <utility>

#include "big_int.hpp"
#include "pickle_opcodes.hpp"
#include "torch_types.hpp"

namespace canine {

using namespace pickle;

namespace {

constexpr size_t kMaxNameBytes = 1000;

/// Names that protocol 2 writes as in Python 2.
std::string present_module(std::string_view module) {
  return std::string(module == "__builtin__" ? "builtins" : module == "copy_reg" ? "copyreg" : module);
}

}  // namespace

PickleReader::PickleReader(std::string_view bytes, const std::string& what) : bytes_(bytes, what), what_(what) {
  run();
}

PickleValue PickleReader::value(const std::vector<at::Tensor>& memory) const {
  return tree_of(nodes_, stack_.back(), memory, what_);
}

void PickleReader::run() {
  read_protocol();
  for (char opcode = bytes_.take(1).front(); opcode != kStop; opcode = bytes_.take(1).front()) {
    const bool in_frame = bytes_.position() <= frame_end_;
    if (!step(opcode)) bytes_.fail(fmt::format("unknown opcode 0x{:02x}", static_cast<unsigned char>(opcode)));
    if (in_frame && opcode != kFrame && bytes_.position() > frame_end_) bytes_.fail("a value reaches across a frame");
  }
  if (stack_.size() != 1 || !marks_.empty()) bytes_.fail("the pickle does not end with one value");
  if (bytes_.remaining() > 0) bytes_.fail("bytes behind the end of the pickle");
}

void PickleReader::read_protocol() {
  constexpr uint64_t kFirst = 2;
  constexpr uint64_t kLast = 5;
  if (bytes_.number(1) != static_cast<unsigned char>(kProto)) {
    bytes_.fail(
        "a pickle of protocol 2 to 5 was expected (of protocol 0 or 1? Load it with torch.load in Python and save it "
        "again, without pickle_protocol)");
  }
  protocol_ = bytes_.number(1);
  if (protocol_ >= kFirst && protocol_ <= kLast) return;
  bytes_.fail(
      fmt::format("pickle protocol {} is not supported, {} to {} were expected; load it with torch.load in Python and "
                  "save it again, without pickle_protocol",
                  protocol_, kFirst, kLast));
}

/// Frames only say how much may be read at once. They neither overlap nor reach beyond the pickle.
void PickleReader::begin_frame(uint64_t length) {
  constexpr size_t kOpcodeAndLength = 9;
  if (bytes_.position() < frame_end_ + kOpcodeAndLength) bytes_.fail("a frame in a frame");
  if (length > bytes_.remaining()) bytes_.fail("a frame reaches beyond the end (the file is cut off or damaged)");
  frame_end_ = bytes_.position() + length;
}

bool PickleReader::step(char opcode) {
  return step_literal(opcode) || step_collection(opcode) || step_object(opcode) ||
         (protocol_ >= 3 && step_of_protocol_3(opcode)) || (protocol_ >= 4 && step_of_protocol_4(opcode)) ||
         (protocol_ >= 5 && step_of_protocol_5(opcode));
}

bool PickleReader::step_literal(char opcode) {
  switch (opcode) {
    case kNone:
      push(PickleValue::None{});
      return true;
    case kNewTrue:
      push(true);
      return true;
    case kNewFalse:
      push(false);
      return true;
    case kBinInt:
      push(int64_t{static_cast<int32_t>(bytes_.number(4))});
      return true;
    case kBinInt1:
      push(static_cast<int64_t>(bytes_.number(1)));
      return true;
    case kBinInt2:
      push(static_cast<int64_t>(bytes_.number(2)));
      return true;
    case kLong1:
      push_long(bytes_.take(bytes_.number(1)));
      return true;
    case kBinFloat: {
      uint64_t bits = 0;
      for (const char byte : bytes_.take(8)) bits = bits << 8 | static_cast<unsigned char>(byte);
      push(std::bit_cast<double>(bits));
      return true;
    }
    case kBinUnicode:
    case kBinString:
      push(text(bytes_.number(4)));
      return true;
    case kShortBinString:
      push(text(bytes_.number(1)));
      return true;
    default:
      return false;
  }
}

bool PickleReader::step_collection(char opcode) {
  switch (opcode) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kEmptyDict:
      push(DictNode{});
      return true;
    case kEmptyList:
      push(ListNode{});
      return true;
    case kEmptyTuple:
      push(TupleNode{});
      return true;
    case kTuple1:
      push_tuple(1);
      return true;
    case kTuple2:
      push_tuple(2);
      return true;
    case kTuple3:
      push_tuple(3);
      return true;
    case kTuple:
      push(TupleNode{pop_to_mark()});
      return true;
    case kAppend:
      append({pop()});
      return true;
    case kAppends:
      append(pop_to_mark());
      return true;
    case kSetItem: {
      const Ref value = pop();
      set_items({pop(), value});
      return true;
    }
    case kSetItems:
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool PickleReader::step_object(char opcode) {
  switch (opcode) {
    case kBinPut:
      remember(bytes_.number(1));
      return true;
    case kLongBinPut:
      remember(bytes_.number(4));
      return true;
    case kBinGet:
      recall(bytes_.number(1));
      return true;
    case kLongBinGet:
      recall(bytes_.number(4));
      return true;
    case kGlobal: {
      const std::string module = present_module(bytes_.line(kMaxNameBytes));
      push(Global{module + '.' + std::string(bytes_.line(kMaxNameBytes))});
      return true;
    }
    case kReduce:
    case kNewObj: {
      const Ref arguments = pop();
      push(call_known(nodes_, storages_, pop(), arguments, bytes_));
      return true;
    }
    case kBuild: {
      const Ref state = pop();
      build_known(nodes_, top(), state, bytes_);
      return true;
    }
    case kBinPersId:
      push_storage();
      return true;
    default:
      return false;
  }
}

bool PickleReader::step_of_protocol_3(char opcode) {
  if (opcode != kBinBytes && opcode != kShortBinBytes) return false;
  push(PickleValue::Bytes{text(bytes_.number(opcode == kBinBytes ? 4 : 1))});
  return true;
}

bool PickleReader::step_of_protocol_4(char opcode) {
  switch (opcode) {
    case kFrame:
      begin_frame(bytes_.number(8));
      return true;
    case kMemoize:
      remember(memo_.size());
      return true;
    case kShortBinUnicode:
      push(text(bytes_.number(1)));
      return true;
    case kBinUnicode8:
      push(text(bytes_.number(8)));
      return true;
    case kBinBytes8:
      push(PickleValue::Bytes{text(bytes_.number(8))});
      return true;
    case kEmptySet:
      push(SetNode{});
      return true;
    case kAddItems:
      add_to_set(pop_to_mark());
      return true;
    case kFrozenSet:
      push(SetNode{pop_to_mark()});
      return true;
    case kStackGlobal:
      push_global();
      return true;
    case kNewObjEx:
      push_object_with_names();
      return true;
    default:
      return false;
  }
}

bool PickleReader::step_of_protocol_5(char opcode) {
  if (opcode == kNextBuffer || opcode == kReadOnlyBuffer)
    bytes_.fail("a buffer outside of the pickle is not supported");
  if (opcode != kByteArray8) return false;
  push(PickleValue::Bytes{text(bytes_.number(8))});
  return true;
}

void PickleReader::push(Node node) { stack_.push_back(nodes_.add(std::move(node), bytes_)); }

Ref PickleReader::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) bytes_.fail("a value is missing on the stack");
  return stack_.back();
}

Ref PickleReader::pop() {
  const Ref ref = top();
  stack_.pop_back();
  return ref;
}

std::vector<Ref> PickleReader::pop_to_mark() {
  if (marks_.empty()) bytes_.fail("a mark is missing on the stack");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Ref> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleReader::push_tuple(size_t count) {
  TupleNode tuple{std::vector<Ref>(count)};
  while (count-- > 0) tuple.items[count] = pop();
  push(std::move(tuple));
}

void PickleReader::remember(uint64_t place) { memo_[place] = top(); }

void PickleReader::recall(uint64_t place) {
  const auto known = memo_.find(place);
  if (known == memo_.end()) bytes_.fail(fmt::format("memo entry {} does not exist", place));
  stack_.push_back(known->second);
}

void PickleReader::append(const std::vector<Ref>& items) {
  if (nodes_.get<PickleValue::Opaque>(top())) return;
  auto* list = nodes_.get<ListNode>(top());
  if (!list) bytes_.fail("items are appended to something that is no list");
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void PickleReader::set_items(const std::vector<Ref>& items) {
  if (items.size() % 2 != 0) bytes_.fail("a key without a value");
  if (nodes_.get<PickleValue::Opaque>(top())) return;
  auto* dict = nodes_.get<DictNode>(top());
  if (!dict) bytes_.fail("items are set in something that is no dict");
  for (size_t i = 0; i < items.size(); i += 2) dict->items.emplace_back(items[i], items[i + 1]);
}

void PickleReader::add_to_set(const std::vector<Ref>& items) {
  if (nodes_.get<PickleValue::Opaque>(top())) return;
  auto* set = nodes_.get<SetNode>(top());
  if (!set) bytes_.fail("items are added to something that is no set");
  set->items.insert(set->items.end(), items.begin(), items.end());
}

/// Module and name from the stack, as GLOBAL has them in its lines.
void PickleReader::push_global() {
  const auto* name = nodes_.get<std::string>(pop());
  const auto* module = nodes_.get<std::string>(pop());
  if (!name || !module || name->size() > kMaxNameBytes || module->size() > kMaxNameBytes) {
    bytes_.fail("a name of a module was expected");
  }
  push(Global{present_module(*module) + '.' + *name});
}

/// (class, arguments, named arguments). No class that is known takes named ones.
void PickleReader::push_object_with_names() {
  const auto* names = nodes_.get<DictNode>(pop());
  if (!names) bytes_.fail("the named arguments of a call are no dict");
  const Ref arguments = pop();
  const Ref callable = pop();
  const auto* global = nodes_.get<Global>(callable);
  if (global && !names->items.empty()) {
    push(PickleValue::Opaque{global->name});
  } else {
    push(call_known(nodes_, storages_, callable, arguments, bytes_));
  }
}

std::string PickleReader::text(uint64_t length) { return std::string(bytes_.take(length)); }

void PickleReader::push_long(std::string_view bytes) {
  if (bytes.size() > sizeof(int64_t)) {
    push(PickleValue::BigInt{decimal_of_bytes(bytes)});
    return;
  }
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  uint64_t number = negative ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  push(static_cast<int64_t>(number));
}

/// Persistent id of a storage: ('storage', torch.FloatStorage, '0', 'cpu', 624). The device does not matter.
void PickleReader::push_storage() {
  const auto* tuple = nodes_.get<TupleNode>(pop());
  if (!tuple || tuple->items.size() != 5) bytes_.fail("a storage of five parts was expected");
  const auto* tag = nodes_.get<std::string>(tuple->items[0]);
  const auto* global = nodes_.get<Global>(tuple->items[1]);
  const auto* key = nodes_.get<std::string>(tuple->items[2]);
  const auto* numel = nodes_.get<int64_t>(tuple->items[4]);
  if (!tag || *tag != "storage" || !global || !key || !numel || *numel < 0) bytes_.fail("a malformed storage");
  const auto type = global->name.starts_with("torch.")
                        ? type_of_storage(std::string_view(global->name).substr(global->name.rfind('.') + 1))
                        : std::nullopt;
  if (!type) bytes_.fail(fmt::format("unknown type of storage '{}'", printable(global->name)));
  const auto [known, is_new] = storage_of_key_.try_emplace(*key, storages_.size());
  if (is_new) storages_.push_back({.key = *key, .type = *type, .numel = *numel});
  const PickledStorage& storage = storages_[known->second];
  if (storage.type != *type || storage.numel != *numel) {
    bytes_.fail(fmt::format("storage '{}' is used with two types or sizes", printable(*key)));
  }
  push(StorageNode{known->second});
}

}  // namespace canine
