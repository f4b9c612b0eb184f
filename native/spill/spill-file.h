// A file for tensors that are not needed for a while, with a thread of its own that moves them.
#pragma once
#include <pthread.h>

#include <cstddef>
#include <cstdint>

namespace compact {

/**
 * Transfers run one after the other, in the order in which they were asked for, beside everything else. The file has no name:
 * it vanishes with its last use, however the process ends.
 */
class SpillFile {
 public:
  SpillFile() = default;
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  /** Waits for the transfer at hand and drops the others. */
  ~SpillFile();

  /** Creates the file with room for `bytes` and starts the thread; 0, or an errno. */
  int open(const char* directory, size_t bytes);

  /** Asks for a transfer; gives its number, from 1, or 0 when there is no memory for the request. */
  uint64_t transfer(bool write, unsigned char* memory, size_t bytes, size_t at);

  /** Waits until this transfer is done; 0, or the errno of the first failure so far. */
  int wait(uint64_t number);

  /** Bytes per second of a write that has reached the device; 0 where it failed. Only before the first transfer. */
  double probe(const unsigned char* memory, size_t bytes);

  size_t bytes() const { return bytes_; }

 private:
  struct Transfer {
    bool write;
    unsigned char* memory;
    size_t bytes, at;
    Transfer* next;
  };

  static void* work(void* self);
  int move(const Transfer& transfer) const;

  int file_ = -1;
  size_t bytes_ = 0;
  bool running_ = false;
  pthread_t thread_{};
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  Transfer *first_ = nullptr, *last_ = nullptr;
  uint64_t asked_ = 0, done_ = 0;
  int failure_ = 0;
  bool closing_ = false;
};

}  // namespace compact
