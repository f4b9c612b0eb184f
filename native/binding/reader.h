// Reads an op's arguments from the block that TypeScript fills, checking every number and every range against the arena.
#pragma once
#include <cmath>
#include <cstdint>

#include "../arena/arena.h"
#include "../calls.h"

namespace compact {

/** Why a call was refused; null = it was not. The texts are `code`s of JavaScript errors. */
using Refusal = const char*;

/** Slots of the argument block. */
constexpr int argumentSlots = 64;

/**
 * Numbers come in the order in which they are read. A wrong one sets `refusal` and reads as 0 or null; the caller looks at
 * `refusal` once, before it runs anything.
 */
class Reader {
 public:
  Reader(const double* slots, const Arena& arena) : slots_(slots), arena_(arena) {}

  Refusal refusal() const { return refusal_; }
  void refuse(Refusal why) {
    if (refusal_ == nullptr) refusal_ = why;
  }

  double number() {
    if (next_ >= argumentSlots) {
      refuse("NATIVE_ARGUMENTS");
      return 0;
    }
    return slots_[next_++];
  }

  bool flag() { return number() != 0; }
  float real() { return static_cast<float>(number()); }

  /** A whole number in [0, 2^53). */
  int64_t whole() {
    const double value = number();
    if (!(value >= 0 && value < 9007199254740992.0) || value != std::floor(value)) {
      refuse("NATIVE_ARGUMENTS");
      return 0;
    }
    return static_cast<int64_t>(value);
  }

  /** An extent: a whole number of at least 1. */
  int64_t extent() {
    const int64_t value = whole();
    if (value == 0) refuse("NATIVE_ARGUMENTS");
    return value;
  }

  uint32_t word() {
    const int64_t value = whole();
    if (value > UINT32_MAX) refuse("NATIVE_ARGUMENTS");
    return static_cast<uint32_t>(value);
  }

  /** Product of two counts; refused when it leaves 64 bits. */
  int64_t product(int64_t a, int64_t b) {
    int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result)) refuse("NATIVE_ARGUMENTS");
    return result;
  }

  /** `count` elements of `width` bytes at a byte offset, which must lie within the arena and be aligned. */
  void* range(int64_t count, int64_t width) {
    const int64_t offset = whole(), size = static_cast<int64_t>(arena_.size());
    if (offset % width != 0 || count < 0 || count > size / width || offset > size - count * width) {
      refuse("NATIVE_RANGE");
      return nullptr;
    }
    return arena_.base() + offset;
  }

  float* floats(int64_t count) { return static_cast<float*>(range(count, sizeof(float))); }
  uint8_t* bytes(int64_t count) { return static_cast<uint8_t*>(range(count, 1)); }
  int32_t* integers(int64_t count) { return static_cast<int32_t*>(range(count, sizeof(int32_t))); }
  uint16_t* halves(int64_t count) { return static_cast<uint16_t*>(range(count, sizeof(uint16_t))); }

  /** Null where TypeScript wrote −1. */
  void* optionalRange(int64_t count, int64_t width) {
    if (next_ < argumentSlots && slots_[next_] == -1) {
      next_++;
      return nullptr;
    }
    return range(count, width);
  }
  /** Elements of a type that floats are stored in. */
  void* values(Stored stored, int64_t count) { return range(count, bytesOf(stored)); }
  void* optionalValues(Stored stored, int64_t count) { return optionalRange(count, bytesOf(stored)); }
  float* optionalFloats(int64_t count) { return static_cast<float*>(optionalRange(count, sizeof(float))); }
  int32_t* optionalIntegers(int64_t count) { return static_cast<int32_t*>(optionalRange(count, sizeof(int32_t))); }
  uint8_t* optionalBytes(int64_t count) { return static_cast<uint8_t*>(optionalRange(count, 1)); }

 private:
  const double* slots_;
  const Arena& arena_;
  int next_ = 0;
  Refusal refusal_ = nullptr;
};

}  // namespace compact
