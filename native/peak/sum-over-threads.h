// The peak of several threads at the same time: processors that share a core or a power budget do not simply add up.
#pragma once
#include <system_error>
#include <thread>
#include <vector>

namespace compact {

/** Sum of what `threads` simultaneous runs of `measure` give; of fewer where the system refuses a thread. */
inline double sumOverThreads(int threads, double (*measure)()) {
  std::vector<double> rates(threads, 0.0);
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  for (int index = 1; index < threads; index++) {
    try {
      others.emplace_back([&rates, index, measure] { rates[index] = measure(); });
    } catch (const std::system_error&) {
      break;
    }
  }
  rates[0] = measure();
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

}  // namespace compact
