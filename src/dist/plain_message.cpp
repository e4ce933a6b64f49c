#include "plain_message.hpp"

#include <c10/util/Exception.h>

namespace canine {

std::string plain_message(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find("Exception raised from"));
  text = text.substr(0, text.find(". This may indicate a possible application crash"));
  text = text.substr(0, text.find('\n'));
  // "[/path/pair.cc:547] Connection closed by peer"
  if (const size_t end = text.find("] "); text.starts_with("[/") && end != std::string::npos) text.erase(0, end + 2);
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

}  // namespace canine
