// Projections without a matrix product. Sixteen vectors are transformed side by side, one per lane, so that the sparse sums and
// the Walsh-Hadamard butterflies are whole-vector additions, in an order that nothing else has a say in.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "fast-entries.h"

namespace COMPACT_TIER {
namespace {

/** to[column·16 + row] = from[row·step + column] of at most 16 x 16; missing rows become 0. One copy of the code. */
template <class T>
__attribute__((noinline)) void transposeTile(const T* from, int64_t step, int64_t rows, int64_t columns, float* to) {
  transposeBlock(from, step, static_cast<int>(rows), static_cast<int>(columns), to, lanes);
}

INLINE Vec flip(Vec x, uint32_t sign) { return asFloats(bitXor(asWords(x), setWords(sign))); }

INLINE void butterfly(Vec& a, Vec& b) {
  const Vec sum = add(a, b);
  b = sub(a, b);
  a = sum;
}

/** The Walsh-Hadamard transform, without its factor 1/√size, of 16 vectors in `tile` [size, 16]. */
void walshHadamard(float* tile, int64_t size) {
  int64_t half = 1;
  // Two levels at a time halve the traffic; an odd number of levels begins with a single one.
  if ((__builtin_ctzll(static_cast<unsigned long long>(size)) & 1) != 0) {
    for (int64_t i = 0; i < size; i += 2) {
      Vec a = load(tile + i * lanes), b = load(tile + (i + 1) * lanes);
      butterfly(a, b);
      store(tile + i * lanes, a);
      store(tile + (i + 1) * lanes, b);
    }
    half = 2;
  }
  for (; half < size; half *= 4) {
    const int64_t reach = half * lanes;
    for (int64_t block = 0; block < size; block += 4 * half) {
      for (int64_t i = block; i < block + half; i++) {
        float* at = tile + i * lanes;
        Vec a = load(at), b = load(at + reach), c = load(at + 2 * reach), d = load(at + 3 * reach);
        butterfly(a, b);
        butterfly(c, d);
        butterfly(a, c);
        butterfly(b, d);
        store(at, a);
        store(at + reach, b);
        store(at + 2 * reach, c);
        store(at + 3 * reach, d);
      }
    }
  }
}

/** The tables in the scratch and the threads' tiles behind them. */
struct FastTables {
  uint32_t *entries, *columns;
  float* tiles;
  int64_t tileFloats;

  FastTables(const compact::FastProjection& p, float* scratch) {
    const int64_t rows = p.sparse ? p.inputSize * p.perRow : p.inputSize;
    entries = reinterpret_cast<uint32_t*>(scratch);
    columns = entries + rows;
    tiles = scratch + roundUp(rows + (p.sparse ? 0 : p.hadamardSize), lanes);
    tileFloats = lanes * (p.sparse ? p.rank : p.hadamardSize);
    if (p.sparse) sparseTable(p, entries);
    else hadamardTable(p, entries, columns);
  }

  float* tile(int thread) const { return tiles + thread * tileFloats; }
};

/** `magnitude` of P's entries: 1/√k or 1/√r. */
INLINE Vec magnitudeOf(const compact::FastProjection& p) {
  return set(static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(p.sparse ? p.perRow : p.rank))));
}

/** Z = X·P. */
template <class T>
void fastProjectOf(Pool* pool, const compact::FastProjectCall& call) {
  const compact::FastProjection& p = call.projection;
  const FastTables tables(p, call.scratch);
  const int64_t n = p.inputSize, r = p.rank;
  const Vec magnitude = magnitudeOf(p);
  parallelBlocks(pool, ceilDiv(call.rows, lanes), [&](int64_t group, int thread) {
    const int64_t first = group * lanes, rows = smaller(lanes, call.rows - first);
    const T* x = from<T>(call.x, first * n);
    T* out = from<T>(call.out, first * r);
    float* tile = tables.tile(thread);
    float block[lanes * lanes], turned[lanes * lanes];
    const int64_t size = p.sparse ? r : p.hadamardSize;
    for (int64_t i = p.sparse ? 0 : n; i < size; i++) store(tile + i * lanes, zero());
    for (int64_t i = 0; i < n; i += lanes) {
      const int64_t count = smaller(lanes, n - i);
      transposeTile(x + i, n, rows, count, block);
      for (int64_t lane = 0; lane < count; lane++) {
        const Vec value = load(block + lane * lanes);
        if (p.sparse) {
          const uint32_t* entry = tables.entries + (i + lane) * p.perRow;
          for (int64_t a = 0; a < p.perRow; a++) {
            float* sum = tile + static_cast<int64_t>(entry[a] >> 1) * lanes;
            store(sum, add(load(sum), flip(value, entry[a] << 31)));
          }
        } else {
          store(tile + (i + lane) * lanes, flip(value, tables.entries[i + lane]));
        }
      }
    }
    if (!p.sparse) walshHadamard(tile, p.hadamardSize);
    for (int64_t c = 0; c < r; c += lanes) {
      const int64_t count = smaller(lanes, r - c);
      for (int64_t lane = 0; lane < count; lane++) {
        const int64_t column = p.sparse ? c + lane : tables.columns[c + lane];
        store(block + lane * lanes, mul(magnitude, load(tile + column * lanes)));
      }
      transposeTile(block, lanes, count, rows, turned);
      for (int64_t row = 0; row < rows; row++) {
        storeFirst(out + row * r + c, load(turned + row * lanes), static_cast<int>(count));
      }
    }
  });
}

void fastProjectKernel(Pool* pool, const compact::FastProjectCall& call) {
  withStorage(call.stored, [&](auto storage) { fastProjectOf<typename decltype(storage)::Type>(pool, call); });
}

/** W ← W + (P·U)ᵀ. */
template <class U, class W>
void fastExpandOf(Pool* pool, const compact::FastExpandCall& call) {
  const compact::FastProjection& p = call.projection;
  const FastTables tables(p, call.scratch);
  const int64_t n = p.inputSize, r = p.rank, m = call.rows;
  const Vec magnitude = magnitudeOf(p);
  parallelBlocks(pool, ceilDiv(m, lanes), [&](int64_t group, int thread) {
    const int64_t first = group * lanes, rows = smaller(lanes, m - first);
    float* tile = tables.tile(thread);
    float block[lanes * lanes], turned[lanes * lanes];
    if (!p.sparse) {
      for (int64_t c = 0; c < p.hadamardSize; c++) store(tile + c * lanes, zero());
    }
    for (int64_t c = 0; c < r; c++) {
      const int64_t to = p.sparse ? c : tables.columns[c];
      store(tile + to * lanes, loadFirst(from<U>(call.x, c * m + first), static_cast<int>(rows)));
    }
    if (!p.sparse) walshHadamard(tile, p.hadamardSize);
    for (int64_t i = 0; i < n; i += lanes) {
      const int64_t count = smaller(lanes, n - i);
      for (int64_t lane = 0; lane < count; lane++) {
        Vec sum = zero();
        if (p.sparse) {
          const uint32_t* entry = tables.entries + (i + lane) * p.perRow;
          for (int64_t a = 0; a < p.perRow; a++) {
            sum = add(sum, flip(load(tile + static_cast<int64_t>(entry[a] >> 1) * lanes), entry[a] << 31));
          }
        } else {
          sum = flip(load(tile + (i + lane) * lanes), tables.entries[i + lane]);
        }
        store(block + lane * lanes, mul(magnitude, sum));
      }
      transposeTile(block, lanes, count, rows, turned);
      for (int64_t row = 0; row < rows; row++) {
        W* weight = from<W>(call.out, (first + row) * n + i);
        const int part = static_cast<int>(count);
        storeFirst(weight, add(loadFirst(weight, part), load(turned + row * lanes)), part);
      }
    }
  });
}

void fastExpandKernel(Pool* pool, const compact::FastExpandCall& call) {
  withStorage(call.xStored, [&](auto x) {
    withStorage(call.outStored, [&](auto out) {
      fastExpandOf<typename decltype(x)::Type, typename decltype(out)::Type>(pool, call);
    });
  });
}

/** P itself. */
void fastMatrixKernel(Pool* pool, const compact::FastMatrixCall& call) {
  const compact::FastProjection& p = call.projection;
  const FastTables tables(p, call.scratch);
  const int64_t r = p.rank;
  const float magnitude = firstLane(magnitudeOf(p));
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, p.inputSize, rowGrain(r), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        T* out = from<T>(call.out, i * r);
        if (p.sparse) {
          for (int64_t c = 0; c < r; c++) setValue(out + c, 0.0f);
          for (int64_t a = 0; a < p.perRow; a++) {
            const uint32_t entry = tables.entries[i * p.perRow + a];
            setValue(out + (entry >> 1), (entry & 1) != 0 ? -magnitude : magnitude);
          }
        } else {
          for (int64_t c = 0; c < r; c++) {
            const bool odd = __builtin_parityll(static_cast<unsigned long long>(i) & tables.columns[c]) != 0;
            setValue(out + c, odd != (tables.entries[i] != 0) ? -magnitude : magnitude);
          }
        }
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
