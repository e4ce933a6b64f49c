#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pickle_nodes.hpp"

namespace canine {

/// Reads a pickle of protocol 2 as data. Opcodes that only programs need are refused, calls are understood by name or
/// give Opaque values, so nothing in a file can run. Time and memory are bounded by the length of the pickle.
class PickleReader {
 public:
  /// Parses; `what` names the pickle in messages. Throws CheckpointError with the position.
  PickleReader(std::string_view bytes, const std::string& what);

  const std::vector<pickle::PickledStorage>& storages() const { return storages_; }

  /// The value; `memory` holds a flat tensor for each storage, whose memory the tensors share.
  PickleValue value(const std::vector<at::Tensor>& memory) const;

 private:
  void run();
  bool step(char opcode);
  bool step_literal(char opcode);
  bool step_collection(char opcode);
  bool step_object(char opcode);

  void push(pickle::Node node);
  pickle::Ref pop();
  pickle::Ref top() const;
  std::vector<pickle::Ref> pop_to_mark();
  void push_tuple(size_t count);
  void push_storage();
  void remember(uint64_t place);
  void recall(uint64_t place);
  void append(const std::vector<pickle::Ref>& items);
  void set_items(const std::vector<pickle::Ref>& items);
  std::string text(uint64_t length);
  void push_long(std::string_view bytes);

  ByteReader bytes_;
  std::string what_;
  pickle::Nodes nodes_;
  std::vector<pickle::Ref> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, pickle::Ref> memo_;
  std::vector<pickle::PickledStorage> storages_;
  std::unordered_map<std::string, size_t> storage_of_key_;
};

}  // namespace canine
