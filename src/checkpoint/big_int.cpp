#include "big_int.hpp"

#include <algorithm>

#include "canine/core/errors.hpp"

namespace canine {
namespace {

/// The two's complement negative, in place.
void negate(std::string& bytes) {
  bool carry = true;
  for (char& byte : bytes) {
    byte = static_cast<char>(~byte + (carry ? 1 : 0));
    carry = carry && byte == 0;
  }
}

bool is_negative(std::string_view bytes) { return !bytes.empty() && (bytes.back() & 0x80) != 0; }

}  // namespace

std::string decimal_of_bytes(std::string_view bytes) {
  std::string magnitude(bytes);
  const bool negative = is_negative(bytes);
  if (negative) negate(magnitude);
  std::string digits;
  while (!magnitude.empty()) {
    unsigned rest = 0;
    for (size_t i = magnitude.size(); i-- > 0;) {
      rest = rest * 256 + static_cast<unsigned char>(magnitude[i]);
      magnitude[i] = static_cast<char>(rest / 10);
      rest %= 10;
    }
    digits.push_back(static_cast<char>('0' + rest));
    while (!magnitude.empty() && magnitude.back() == 0) magnitude.pop_back();
  }
  if (digits.empty()) digits.push_back('0');
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string bytes_of_decimal(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  const std::string_view digits = decimal.substr(negative ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    throw InternalError("'{}' is no whole number", decimal);
  }
  std::string bytes;
  for (const char digit : digits) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (char& byte : bytes) {
      carry += static_cast<unsigned char>(byte) * 10u;
      byte = static_cast<char>(carry);
      carry >>= 8;
    }
    if (carry > 0) bytes.push_back(static_cast<char>(carry));
  }
  if (is_negative(bytes)) bytes.push_back(0);
  if (negative) negate(bytes);
  // -128 * 256^k needs no further byte for its sign.
  while (negative && bytes.size() > 1 && bytes.back() == '\xff' && is_negative(bytes.substr(0, bytes.size() - 1))) {
    bytes.pop_back();
  }
  return bytes;
}

}  // namespace canine
