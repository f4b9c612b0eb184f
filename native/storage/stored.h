// Kernels are written once, over the type that their tensors are stored in: float, or uint16_t for bf16. `load` and `store` are
// overloaded on it (simd/bf16.h), registers hold f32 either way.
#pragma once
#include "../calls.h"
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

using compact::Stored;

template <class T>
struct StorageOf {
  using Type = T;
};

/** body(StorageOf<T>) with the type that the tensors of a group are stored in. */
template <class Body>
INLINE void withStorage(Stored stored, const Body& body) {
  if (stored == Stored::bf16) body(StorageOf<uint16_t>{});
  else body(StorageOf<float>{});
}

/** Elements from `begin` on of a tensor that is stored as T; null stays null. */
template <class T>
INLINE T* from(void* start, int64_t begin) {
  return start != nullptr ? static_cast<T*>(start) + begin : nullptr;
}
template <class T>
INLINE const T* from(const void* start, int64_t begin) {
  return start != nullptr ? static_cast<const T*>(start) + begin : nullptr;
}

INLINE float valueAt(const float* at) { return *at; }
INLINE float valueAt(const uint16_t* at) {
  const uint32_t bits = static_cast<uint32_t>(*at) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
INLINE void setValue(float* at, float value) { *at = value; }
INLINE void setValue(uint16_t* at, float value) { storeFirst(at, set(value), 1); }

}  // namespace
}  // namespace COMPACT_TIER
