// Fork-join over numbered blocks.
#pragma once
#include <cstdint>

namespace compact {

class Pool;

/** One block of a job; `thread` (0 = the caller) picks the thread's part of the scratch. */
using BlockFunction = void (*)(void* context, int64_t block, int thread);

/** A pool of `threads - 1` workers besides the caller; null when the threads cannot be started. */
Pool* createPool(int threads);
void destroyPool(Pool* pool);
int poolThreads(const Pool* pool);

/**
 * Runs all blocks 0 … blocks−1, each once, on some thread, and returns when all are done. Which thread takes which block is
 * left to chance, so blocks must not depend on it: sums stay within a block.
 */
void runBlocks(Pool* pool, int64_t blocks, BlockFunction function, void* context);

}  // namespace compact
