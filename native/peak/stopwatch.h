// Rates of register-only loops.
#pragma once
#include <time.h>

#include <cstdint>

namespace {

static inline double secondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/** Best of a few runs, in 1e9 operations per second: the clock needs some milliseconds to rise, others may interrupt. */
template <class Body>
static inline double bestRate(double operations, const Body& body) {
  double best = 0;
  for (int run = 0; run < 12; run++) {
    const double start = secondsNow();
    body();
    const double rate = operations / (secondsNow() - start) * 1e-9;
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace
