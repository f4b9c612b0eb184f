// One engine: its memory, its threads, its instruction set.
#pragma once
#include <node_api.h>

#include "../arena/arena.h"
#include "../calls.h"

namespace compact {

struct Context {
  Arena arena;
  Pool* pool = nullptr;
  const KernelTable* kernels = nullptr;
  /** The argument block: a Float64Array that TypeScript writes to and that `blockReference` keeps alive. */
  const double* slots = nullptr;
  napi_ref blockReference = nullptr;

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    if (pool != nullptr) destroyPool(pool);
  }
};

}  // namespace compact
