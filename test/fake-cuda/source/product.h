// Products of column-major matrices by plain loops, for the fake cuBLAS and cuBLASLt, and what a tensor core makes of a float.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fake.h"

namespace fake {

/// cublasStatus_t.
enum Result { OK = 0, UNINITIALIZED = 1, ALLOC_FAILED = 3, INVALID = 7, EXECUTION_FAILED = 13, INTERNAL = 14, UNSUPPORTED = 15 };

/// An operand that is read transposed or not: element (i, j) of op(X).
template <class T> struct Matrix {
  const T *data;
  int64_t rowStep, columnStep;
};

/// What a tensor core keeps of a float: ten bits behind the point.
inline float asTf32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (std::isfinite(x)) bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
  memcpy(&x, &bits, 4);
  return x;
}

template <class T> void multiply(int m, int n, int k, T alpha, Matrix<T> a, Matrix<T> b, T beta, T *c, int64_t ldc, bool tf32) {
  std::vector<T> column((size_t)m), left((size_t)m * k);
  for (int p = 0; p < k; p++)
    for (int i = 0; i < m; i++) {
      T x = a.data[i * a.rowStep + p * a.columnStep];
      if constexpr (sizeof(T) == 4) x = tf32 ? asTf32(x) : x;
      left[(size_t)p * m + i] = x;
    }
  for (int j = 0; j < n; j++) {
    std::fill(column.begin(), column.end(), (T)0);
    for (int p = 0; p < k; p++) {
      T y = b.data[p * b.rowStep + j * b.columnStep];
      if constexpr (sizeof(T) == 4) y = tf32 ? asTf32(y) : y;
      const T *x = left.data() + (size_t)p * m;
      for (int i = 0; i < m; i++) column[i] += x[i] * y;
    }
    T *out = c + j * ldc;
    // With a beta of 0 what was there is not read.
    for (int i = 0; i < m; i++) out[i] = beta == 0 ? alpha * column[i] : alpha * column[i] + beta * out[i];
  }
}

}  // namespace fake
