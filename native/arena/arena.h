// One range of addresses per engine: reserved at once, made usable as it grows, never moved, given back as a whole.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../threads/pool.h"

namespace compact {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /** Reserves addresses, not memory; halves the wish until the system agrees. False when it never does. */
  bool reserve(size_t capacityBytes);

  /** Makes [0, bytes) usable and touches what is new, in parallel. False when the memory is not to be had. */
  bool grow(size_t bytes, Pool* pool);

  unsigned char* base() const { return base_; }
  size_t capacity() const { return capacity_; }
  /** Bytes that may be used. */
  size_t size() const { return size_; }

 private:
  void* mapping_ = nullptr;
  size_t mappingBytes_ = 0;
  unsigned char* base_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

}  // namespace compact
