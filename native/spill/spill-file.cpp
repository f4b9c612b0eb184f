#include "spill-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <new>

namespace compact {
namespace {

/** Room for `bytes`, so that a full disk shows before anything is moved; 0, or an errno. */
int reserve(int file, size_t bytes) {
#ifdef __linux__
  return posix_fallocate(file, 0, static_cast<off_t>(bytes));
#else
  struct statvfs space;
  if (fstatvfs(file, &space) != 0) return errno;
  if (static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize) < static_cast<double>(bytes)) return ENOSPC;
  return ftruncate(file, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
#endif
}

double secondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

SpillFile::~SpillFile() {
  if (running_) {
    pthread_mutex_lock(&mutex_);
    closing_ = true;
    pthread_cond_broadcast(&changed_);
    pthread_mutex_unlock(&mutex_);
    pthread_join(thread_, nullptr);
  }
  while (first_ != nullptr) {
    Transfer* next = first_->next;
    delete first_;
    first_ = next;
  }
  if (file_ >= 0) close(file_);
  pthread_cond_destroy(&changed_);
  pthread_mutex_destroy(&mutex_);
}

int SpillFile::open(const char* directory, size_t bytes) {
  char path[4096];
  const int length = snprintf(path, sizeof path, "%s/compact-offload-XXXXXX", directory);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path) return ENAMETOOLONG;
  file_ = mkstemp(path);
  if (file_ < 0) return errno;
  unlink(path);
  fcntl(file_, F_SETFD, FD_CLOEXEC);
  const int refused = bytes > 0 ? reserve(file_, bytes) : 0;
  if (refused != 0) return refused;
  bytes_ = bytes;
  const int failed = pthread_create(&thread_, nullptr, work, this);
  running_ = failed == 0;
  return failed;
}

uint64_t SpillFile::transfer(bool write, unsigned char* memory, size_t bytes, size_t at) {
  Transfer* added = new (std::nothrow) Transfer{write, memory, bytes, at, nullptr};
  if (added == nullptr) return 0;
  pthread_mutex_lock(&mutex_);
  if (last_ != nullptr) last_->next = added;
  else first_ = added;
  last_ = added;
  const uint64_t number = ++asked_;
  pthread_cond_broadcast(&changed_);
  pthread_mutex_unlock(&mutex_);
  return number;
}

int SpillFile::wait(uint64_t number) {
  pthread_mutex_lock(&mutex_);
  if (number > asked_) number = asked_;
  while (done_ < number) pthread_cond_wait(&changed_, &mutex_);
  const int failure = failure_;
  pthread_mutex_unlock(&mutex_);
  return failure;
}

double SpillFile::probe(const unsigned char* memory, size_t bytes) {
  const double start = secondsNow();
  const Transfer all{true, const_cast<unsigned char*>(memory), bytes, 0, nullptr};
  if (move(all) != 0 || fsync(file_) != 0) return 0;
  const double seconds = secondsNow() - start;
  return static_cast<double>(bytes) / (seconds > 1e-9 ? seconds : 1e-9);
}

void* SpillFile::work(void* self) {
  SpillFile& file = *static_cast<SpillFile*>(self);
  pthread_mutex_lock(&file.mutex_);
  while (true) {
    while (file.first_ == nullptr && !file.closing_) pthread_cond_wait(&file.changed_, &file.mutex_);
    if (file.closing_) break;
    Transfer* next = file.first_;
    file.first_ = next->next;
    if (file.first_ == nullptr) file.last_ = nullptr;
    pthread_mutex_unlock(&file.mutex_);
    const int failure = file.move(*next);
    delete next;
    pthread_mutex_lock(&file.mutex_);
    file.done_++;
    if (file.failure_ == 0) file.failure_ = failure;
    pthread_cond_broadcast(&file.changed_);
  }
  pthread_mutex_unlock(&file.mutex_);
  return nullptr;
}

int SpillFile::move(const Transfer& transfer) const {
  size_t moved = 0;
  while (moved < transfer.bytes) {
    const off_t at = static_cast<off_t>(transfer.at + moved);
    const ssize_t step = transfer.write ? pwrite(file_, transfer.memory + moved, transfer.bytes - moved, at)
                                        : pread(file_, transfer.memory + moved, transfer.bytes - moved, at);
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) return errno;
    // A read that ends early means a file that somebody cut off.
    if (step == 0) return EIO;
    moved += static_cast<size_t>(step);
  }
  return 0;
}

}  // namespace compact
