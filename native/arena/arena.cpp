#include "arena.h"

#include <sys/mman.h>

namespace compact {
namespace {

/** A huge page; growth happens in whole ones, so that the kernel can always give one. */
constexpr size_t pageBytes = size_t{2} << 20;
constexpr size_t smallPageBytes = 4096;

#ifdef MAP_NORESERVE
constexpr int reserveFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#else
constexpr int reserveFlags = MAP_PRIVATE | MAP_ANONYMOUS;
#endif

struct Touch {
  unsigned char* start;
};

}  // namespace

Arena::~Arena() {
  if (mapping_ != nullptr) munmap(mapping_, mappingBytes_);
}

bool Arena::reserve(size_t capacityBytes) {
  for (size_t wish = (capacityBytes + pageBytes - 1) / pageBytes * pageBytes; wish >= pageBytes; wish = wish / 2) {
    wish = wish / pageBytes * pageBytes;
    void* mapping = mmap(nullptr, wish + pageBytes, PROT_NONE, reserveFlags, -1, 0);
    if (mapping == MAP_FAILED) continue;
    mapping_ = mapping;
    mappingBytes_ = wish + pageBytes;
    const uintptr_t address = reinterpret_cast<uintptr_t>(mapping);
    base_ = reinterpret_cast<unsigned char*>((address + pageBytes - 1) / pageBytes * pageBytes);
    capacity_ = wish;
    return true;
  }
  return false;
}

bool Arena::grow(size_t bytes, Pool* pool) {
  if (bytes > capacity_) return false;
  const size_t target = (bytes + pageBytes - 1) / pageBytes * pageBytes;
  if (target <= size_) return true;
  unsigned char* start = base_ + size_;
  const size_t added = target - size_;
  if (mprotect(start, added, PROT_READ | PROT_WRITE) != 0) return false;
#ifdef MADV_HUGEPAGE
  // A wish only: a kernel without huge pages says no, and small ones work as well.
  (void)madvise(start, added, MADV_HUGEPAGE);
#endif
  Touch touch{start};
  runBlocks(
      pool, static_cast<int64_t>(added / pageBytes),
      [](void* context, int64_t block, int) {
        volatile unsigned char* page = static_cast<Touch*>(context)->start + static_cast<size_t>(block) * pageBytes;
        for (size_t at = 0; at < pageBytes; at += smallPageBytes) page[at] = 0;
      },
      &touch);
  size_ = target;
  return true;
}

}  // namespace compact
