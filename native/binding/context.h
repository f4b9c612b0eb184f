// One engine: its memory, its threads, its instruction set.
#pragma once
#include <node_api.h>

#include <memory>

#include "../arena/arena.h"
#include "../calls.h"
#include "../spill/spill-file.h"

namespace compact {

struct Context {
  Arena arena;
  /** Declared after the arena: its thread must end before the memory that it reads and writes. */
  std::unique_ptr<SpillFile> spill;
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
