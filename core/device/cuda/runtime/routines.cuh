/**
 * Factorisations, triangular systems and sorting: a block has a matrix, in float64 in working memory, and all its threads work on it
 * between barriers; a sort is passes over all rows at once, each of which merges runs of twice the length. The same steps as
 * core/kernel/routines, which is the definition: right-looking, partial pivoting, NaN last.
 */
#define TG_LANE ((int)threadIdx.x & 31)
#define TG_WARP ((int)threadIdx.x >> 5)
#define TG_WARPS ((int)blockDim.x >> 5)

/** A matrix, or its transpose: element (i, j) is at[i * row + j * column]. */
struct tg_matrix {
  double *at;
  int row, column;
  TG_FN double &operator()(int i, int j) const { return at[(tg_wide)i * row + (tg_wide)j * column]; }
};

template <class T> TG_FN void tg_copy(double *to, const T *from, int count) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) to[i] = (double)from[i];
}
template <class T> TG_FN void tg_round(T *to, const double *from, int count) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) to[i] = (T)from[i];
}

/** Overwrites X[n, columns] with the solution of t X = B; `unit`: the diagonal is ones. Begins after a barrier, ends with one. */
TG_FN void tg_substitute(tg_matrix t, double *x, int n, int columns, bool lower, bool unit) {
  for (int done = 0; done < n; done++) {
    const int i = lower ? done : n - 1 - done;
    if (!unit) {
      const double by = t(i, i);
      for (int c = threadIdx.x; c < columns; c += blockDim.x) x[i * columns + c] /= by;
      __syncthreads();
    }
    const int from = lower ? i + 1 : 0, rows = lower ? n - i - 1 : i;
    for (int e = threadIdx.x; e < rows * columns; e += blockDim.x) {
      const int r = e / columns, c = e - r * columns;
      x[(from + r) * columns + c] -= t(from + r, i) * x[i * columns + c];
    }
    __syncthreads();
  }
}

/** Overwrites a[n, n] with its factors, order[i] with the row that became row i; gives the sign of the permutation. As tg_substitute with barriers. */
TG_FN int tg_factor(double *a, int *order, int n) {
  __shared__ double size[256];
  __shared__ int row[256];
  int sign = 1;
  for (int i = threadIdx.x; i < n; i += blockDim.x) order[i] = i;
  for (int j = 0; j < n; j++) {
    /* The first of the largest; a NaN is larger than all. */
    double best = -1;
    int place = n;
    for (int i = j + threadIdx.x; i < n; i += blockDim.x) {
      const double x = fabs(a[i * n + j]);
      if (x > best || (x != x && best == best)) best = x, place = i;
    }
    size[threadIdx.x] = best;
    row[threadIdx.x] = place;
    __syncthreads();
    for (int d = (int)blockDim.x / 2; d > 0; d >>= 1) {
      if ((int)threadIdx.x < d) {
        const double x = size[threadIdx.x], y = size[threadIdx.x + d];
        const int p = row[threadIdx.x], q = row[threadIdx.x + d];
        const bool is_equal = x == y || (x != x && y != y);
        if (is_equal ? q < p : y > x || (y != y && x == x)) size[threadIdx.x] = y, row[threadIdx.x] = q;
      }
      __syncthreads();
    }
    const int p = row[0];
    if (p != j) {
      for (int c = threadIdx.x; c < n; c += blockDim.x) {
        const double x = a[p * n + c];
        a[p * n + c] = a[j * n + c];
        a[j * n + c] = x;
      }
      if (threadIdx.x == 0) {
        const int x = order[p];
        order[p] = order[j];
        order[j] = x;
      }
      sign = -sign;
      __syncthreads();
    }
    const double pivot = a[j * n + j];
    if (pivot != 0) {
      for (int i = j + 1 + threadIdx.x; i < n; i += blockDim.x) a[i * n + j] /= pivot;
      __syncthreads();
      for (int i = j + 1 + TG_WARP; i < n; i += TG_WARPS)
        for (int c = j + 1 + TG_LANE; c < n; c += 32) a[i * n + c] -= a[i * n + j] * a[j * n + c];
    }
    __syncthreads();
  }
  return sign;
}

/** Every matrix of the batch by a block: `work` has batch · n · n numbers. */
template <class T> TG_FN void tg_cholesky(T *out, const T *given, double *work, int batch, int n) {
  for (int m = blockIdx.x; m < batch; m += gridDim.x) {
    double *a = work + (tg_wide)m * n * n;
    tg_copy(a, given + (tg_wide)m * n * n, n * n);
    __syncthreads();
    bool is_positive = true;
    for (int j = 0; j < n && is_positive; j++) {
      const double pivot = a[j * n + j];
      is_positive = pivot > 0;
      if (!is_positive) break;
      const double root = sqrt(pivot);
      __syncthreads();
      for (int i = j + threadIdx.x; i < n; i += blockDim.x) a[i * n + j] = i == j ? root : a[i * n + j] / root;
      __syncthreads();
      for (int i = j + 1 + TG_WARP; i < n; i += TG_WARPS)
        for (int c = j + 1 + TG_LANE; c <= i; c += 32) a[i * n + c] -= a[i * n + j] * a[c * n + j];
      __syncthreads();
    }
    for (int i = TG_WARP; i < n; i += TG_WARPS)
      for (int c = TG_LANE; c < n; c += 32)
        out[(tg_wide)m * n * n + i * n + c] = is_positive ? (T)(c <= i ? a[i * n + c] : 0) : (T)TG_NAN_F64;
    __syncthreads();
  }
}

/** `work` has batch · (n · n + n · columns) numbers. */
template <class T>
TG_FN void tg_triangular_solve(T *out, const T *given, const T *right, double *work, int batch, int n, int columns, bool lower, bool transpose) {
  for (int m = blockIdx.x; m < batch; m += gridDim.x) {
    double *a = work + (tg_wide)m * (n * n + n * columns), *x = a + n * n;
    tg_copy(a, given + (tg_wide)m * n * n, n * n);
    tg_copy(x, right + (tg_wide)m * n * columns, n * columns);
    __syncthreads();
    const tg_matrix t = transpose ? tg_matrix{a, 1, n} : tg_matrix{a, n, 1};
    tg_substitute(t, x, n, columns, lower != transpose, false);
    tg_round(out + (tg_wide)m * n * columns, x, n * columns);
    __syncthreads();
  }
}

/** `work` has batch · (n · n + 2 · n · columns) numbers, `orders` batch · n. */
template <class T>
TG_FN void tg_solve(T *out, const T *given, const T *right, double *work, int *orders, int batch, int n, int columns, bool transpose) {
  for (int m = blockIdx.x; m < batch; m += gridDim.x) {
    double *a = work + (tg_wide)m * (n * n + 2 * n * columns), *b = a + n * n, *x = b + n * columns;
    int *order = orders + (tg_wide)m * n;
    tg_copy(a, given + (tg_wide)m * n * n, n * n);
    tg_copy(b, right + (tg_wide)m * n * columns, n * columns);
    __syncthreads();
    tg_factor(a, order, n);
    if (!transpose) {
      /* L U X = P B */
      for (int e = threadIdx.x; e < n * columns; e += blockDim.x) x[e] = b[order[e / columns] * columns + e % columns];
      __syncthreads();
      tg_substitute(tg_matrix{a, n, 1}, x, n, columns, true, true);
      tg_substitute(tg_matrix{a, n, 1}, x, n, columns, false, false);
    } else {
      /* Uᵀ Lᵀ (P X) = B */
      tg_substitute(tg_matrix{a, 1, n}, b, n, columns, true, false);
      tg_substitute(tg_matrix{a, 1, n}, b, n, columns, false, true);
      for (int e = threadIdx.x; e < n * columns; e += blockDim.x) x[order[e / columns] * columns + e % columns] = b[e];
      __syncthreads();
    }
    tg_round(out + (tg_wide)m * n * columns, x, n * columns);
    __syncthreads();
  }
}

#define TG_LARGE 2037035976334486086268445688409378161051468393665936250636140449354381299763336706183397376.0 /* 2^300 */

/** x as y · 2^powers with a tame y: products of such neither overflow nor vanish. */
TG_FN double tg_tame(double x, int &powers) {
  double y = x;
  for (; fabs(y) > TG_LARGE && fabs(y) != TG_INF_F64; powers += 300) y /= TG_LARGE;
  for (; fabs(y) < 1 / TG_LARGE && y != 0; powers -= 300) y *= TG_LARGE;
  return y;
}

/** det A, or log |det A|. `work` has batch · n · n numbers, `orders` batch · n. */
template <class T> TG_FN void tg_determinant(T *out, const T *given, double *work, int *orders, int batch, int n, bool logarithm) {
  for (int m = blockIdx.x; m < batch; m += gridDim.x) {
    double *a = work + (tg_wide)m * n * n;
    tg_copy(a, given + (tg_wide)m * n * n, n * n);
    __syncthreads();
    const int sign = tg_factor(a, orders + (tg_wide)m * n, n);
    if (threadIdx.x == 0) {
      double value = 0;
      if (logarithm) {
        for (int i = 0; i < n; i++) value += log(fabs(a[i * n + i]));
      } else {
        int powers = 0;
        value = sign;
        for (int i = 0; i < n; i++) {
          const double d = tg_tame(a[i * n + i], powers);
          value = tg_tame(value * d, powers);
        }
        for (; powers > 0 && fabs(value) < TG_INF_F64; powers -= 300) value *= TG_LARGE;
        for (; powers < 0 && value != 0; powers += 300) value /= TG_LARGE;
        if (value == 0) value = 0;
      }
      out[m] = (T)value;
    }
    __syncthreads();
  }
}

/** True where x has to come before y. */
template <class T> TG_FN bool tg_before(T x, T y, bool descending) { return y != y ? x == x : descending ? x > y : x < y; }

/** Sorted runs of `width` positions of each row of x[batch, n] become runs of twice that; from runs of one, which are not read. */
template <class T> TG_FN void tg_sort_pass(int *to, const int *from, const T *keys, int batch, int n, int width, bool descending) {
  for (tg_wide e = (tg_wide)blockIdx.x * blockDim.x + threadIdx.x; e < (tg_wide)batch * n; e += (tg_wide)gridDim.x * blockDim.x) {
    const tg_wide base = e / n * n;
    const int i = (int)(e - base), run = i / width, start = run / 2 * 2 * width;
    const bool is_left = run % 2 == 0;
    const T *x = keys + base;
    const int own = width == 1 ? i : from[base + i];
    const T key = x[own];
    /* How many of the other run come before this one: of equal ones, those on the left. */
    int low = is_left ? start + width : start, high = is_left ? start + 2 * width : start + width;
    low = low < n ? low : n;
    high = high < n ? high : n;
    const int first = low;
    while (low < high) {
      const int middle = low + (high - low) / 2;
      const T other = x[width == 1 ? middle : from[base + middle]];
      if (is_left ? tg_before(other, key, descending) : !tg_before(key, other, descending)) low = middle + 1;
      else high = middle;
    }
    to[base + start + (i - (is_left ? start : start + width)) + (low - first)] = own;
  }
}
