/**
 * Products by tiles, for matrices and for convolutions as implicit matrices: a block of 256 threads makes BM × BN elements of the
 * result, from tiles of depth BK that it brings to shared memory while it multiplies the tiles before (two buffers); a thread has
 * TM × TN of them in registers. P says what the elements are:
 *
 *     P::T, P::I              type of elements and of their numbers
 *     P::left_along_depth     true where elements of the left matrix that lie side by side differ in depth; right_along_depth likewise
 *     begin, end              range of depth;   rows, columns: of the result
 *     left(i, k), right(k, j) elements; zero where there is none
 *     store(i, j, value)
 *
 * It ends with a barrier, so that a block may go on with another tile.
 */
template <int B, int T> TG_FN int tg_own(int thread, int e) {
  /* Four side by side, then as far as the others' fours reach. */
  constexpr int V = T >= 4 ? 4 : T;
  return e / V * (B / (T / V)) + thread * V + e % V;
}

template <class P, int BM, int BN, int BK, int TM, int TN>
TG_FN void tg_product(const P &p, typename P::I row0, typename P::I column0, typename P::T *left, typename P::T *right) {
  typedef typename P::T T;
  typedef typename P::I I;
  constexpr int L = BM * BK / 256, R = BN * BK / 256, across = BN / TN, LS = BM + 4, RS = BN + 4;
  const int t = threadIdx.x, tx = t % across, ty = t / across;
  T x[L], y[R], c[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) c[i][j] = 0;

  const auto fetch = [&](I depth) {
#pragma unroll
    for (int e = 0; e < L; e++) {
      const int at = t + e * 256;
      x[e] = P::left_along_depth ? p.left(row0 + at / BK, depth + at % BK) : p.left(row0 + at % BM, depth + at / BM);
    }
#pragma unroll
    for (int e = 0; e < R; e++) {
      const int at = t + e * 256;
      y[e] = P::right_along_depth ? p.right(depth + at % BK, column0 + at / BK) : p.right(depth + at / BN, column0 + at % BN);
    }
  };
  const auto keep = [&](int buffer) {
#pragma unroll
    for (int e = 0; e < L; e++) {
      const int at = t + e * 256;
      left[buffer * BK * LS + (P::left_along_depth ? at % BK * LS + at / BK : at / BM * LS + at % BM)] = x[e];
    }
#pragma unroll
    for (int e = 0; e < R; e++) {
      const int at = t + e * 256;
      right[buffer * BK * RS + (P::right_along_depth ? at % BK * RS + at / BK : at / BN * RS + at % BN)] = y[e];
    }
  };

  if (p.begin < p.end) {
    fetch(p.begin);
    keep(0);
    __syncthreads();
    int buffer = 0;
    for (I depth = p.begin; depth < p.end; depth += BK, buffer ^= 1) {
      const bool goes_on = depth + BK < p.end;
      if (goes_on) fetch(depth + BK);
#pragma unroll
      for (int k = 0; k < BK; k++) {
        T u[TM], v[TN];
#pragma unroll
        for (int i = 0; i < TM; i++) u[i] = left[(buffer * BK + k) * LS + tg_own<BM, TM>(ty, i)];
#pragma unroll
        for (int j = 0; j < TN; j++) v[j] = right[(buffer * BK + k) * RS + tg_own<BN, TN>(tx, j)];
#pragma unroll
        for (int i = 0; i < TM; i++)
#pragma unroll
          for (int j = 0; j < TN; j++) c[i][j] = fma(u[i], v[j], c[i][j]);
      }
      if (goes_on) keep(buffer ^ 1);
      __syncthreads();
    }
  }

#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) {
      const I row = row0 + tg_own<BM, TM>(ty, i), column = column0 + tg_own<BN, TN>(tx, j);
      if (row < p.rows && column < p.columns) p.store(row, column, c[i][j]);
    }
}
