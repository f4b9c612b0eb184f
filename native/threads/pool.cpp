// Workers spin for some 20 µs after a job, since the next op of a step usually comes within that time, then sleep: pools that
// spin for ever starve each other on small machines.
#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ __volatile__("yield")
#else
#define PAUSE() ((void)0)
#endif

namespace compact {
namespace {

constexpr int maxThreads = 256;
constexpr auto spinTime = std::chrono::microseconds(20);
/** Pauses between looks at the clock. */
constexpr int pausesPerLook = 32;

}  // namespace

class Pool {
 public:
  explicit Pool(int threads) : threads_(threads) {}

  bool start() {
    for (int index = 1; index < threads_; index++) {
      try {
        workers_[index] = std::thread([this, index] { work(index); });
      } catch (const std::system_error&) {
        return false;
      }
    }
    return true;
  }

  ~Pool() {
    stopping_.store(true);
    announce();
    for (std::thread& worker : workers_) {
      if (worker.joinable()) worker.join();
    }
  }

  int threads() const { return threads_; }

  void run(int64_t blocks, BlockFunction function, void* context) {
    if (threads_ == 1 || blocks <= 1) {
      for (int64_t block = 0; block < blocks; block++) function(context, block, 0);
      return;
    }
    blocks_ = blocks;
    function_ = function;
    context_ = context;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    announce();
    takeBlocks(0);
    // From here on nobody may enter; whoever is inside finishes its block. A worker that slept through is not waited for.
    open_.store(false);
    for (int looks = 0; inside_.load() != 0; looks++) {
      PAUSE();
      if (looks > 4096) std::this_thread::yield();
    }
  }

 private:
  void takeBlocks(int thread) {
    for (;;) {
      const int64_t block = next_.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks_) return;
      function_(context_, block, thread);
    }
  }

  void announce() {
    epoch_.fetch_add(1);
    if (sleepers_.load() == 0) return;
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }

  void work(int index) {
    uint64_t seen = 0;
    while (!stopping_.load()) {
      // Enter before looking at `open_`: the caller closes first and then waits for all inside, so no worker can slip
      // between its look and its work.
      inside_.fetch_add(1);
      if (open_.load()) takeBlocks(index);
      inside_.fetch_sub(1);
      seen = awaitChange(seen);
    }
  }

  uint64_t awaitChange(uint64_t seen) {
    const auto deadline = std::chrono::steady_clock::now() + spinTime;
    do {
      for (int pause = 0; pause < pausesPerLook; pause++) {
        const uint64_t now = epoch_.load(std::memory_order_acquire);
        if (now != seen) return now;
        PAUSE();
      }
    } while (std::chrono::steady_clock::now() < deadline);
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [this, seen] { return epoch_.load() != seen; });
    sleepers_.fetch_sub(1);
    return epoch_.load();
  }

  const int threads_;
  std::thread workers_[maxThreads];
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  int64_t blocks_ = 0;
  BlockFunction function_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint64_t> epoch_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<bool> open_{false};
  alignas(64) std::atomic<int> inside_{0};
  std::atomic<int> sleepers_{0};
};

Pool* createPool(int threads) {
  if (threads < 1 || threads > maxThreads) return nullptr;
  Pool* pool = new (std::nothrow) Pool(threads);
  if (pool != nullptr && !pool->start()) {
    delete pool;
    return nullptr;
  }
  return pool;
}

void destroyPool(Pool* pool) { delete pool; }

int poolThreads(const Pool* pool) { return pool->threads(); }

void runBlocks(Pool* pool, int64_t blocks, BlockFunction function, void* context) {
  pool->run(blocks, function, context);
}

}  // namespace compact
