/**
 * Products that packing does not pay for, for one element type T (see gemm-tiles.h): small ones, ones of few rows, and those with
 * so few rows or columns that they are matrix times vector, where memory is the limit and each matrix is read once, in order.
 * Every element is summed by one thread in one order, so the number of threads never shows in the result.
 */

/** The part rows [i0, i1) x columns [j0, j1) of a product; only what B lacks to whole rows of NR is packed. Does nothing without memory. */
static void NAME(multiply_direct)(const NAME(product) *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  T *edge = tg_scratch(TG_SCRATCH_EDGE, NR * g->k * (int64_t)sizeof(T));
  if (!edge) return;
  for (int64_t j = j0; j < j1; j += NR) {
    int64_t columns = TG_MIN(NR, j1 - j), b_step = g->b_step;
    const T *b = g->b + j * g->b_column;
    if (columns < NR || g->b_column != 1) {
      NAME(pack_panel)(b, g->b_column, g->b_step, columns, NR, g->k, edge);
      b = edge;
      b_step = NR;
    }
    for (int64_t i = i0; i < i1; i += TG_ROWS) {
      int64_t rows = TG_MIN(TG_ROWS, i1 - i);
      const T *a = g->a + i * g->a_row;
      T *c = g->c + i * g->ldc + j;
      if (columns == NR) {
        NAME(direct_tile)(rows, g->k, a, g->a_row, g->a_step, b, b_step, c, g->ldc);
      } else {
        T part[TG_ROWS * NR];
        NAME(direct_tile)(rows, g->k, a, g->a_row, g->a_step, b, b_step, part, NR);
        NAME(store_part)(part, rows, columns, c, g->ldc, 0);
      }
    }
  }
  if (g->epilogue) g->epilogue(g->context, g->batch, i0, i1, j0, j1);
}

static T NAME(sum_of)(NAME(vec) v) {
  T sum = 0;
  for (int64_t l = 0; l < LANES; l++) sum += v[l];
  return sum;
}

/** Sum of x[p] y[p]. */
static T NAME(dot)(int64_t k, const T *x, const T *y) {
  NAME(vec) s[4] = {{0}, {0}, {0}, {0}};
  int64_t p = 0;
  for (; p + 4 * LANES <= k; p += 4 * LANES)
    for (int u = 0; u < 4; u++) s[u] += *(const NAME(vec) *)(x + p + u * LANES) * *(const NAME(vec) *)(y + p + u * LANES);
  for (; p + LANES <= k; p += LANES) s[0] += *(const NAME(vec) *)(x + p) * *(const NAME(vec) *)(y + p);
  T sum = NAME(sum_of)((s[0] + s[1]) + (s[2] + s[3]));
  for (; p < k; p++) sum += x[p] * y[p];
  return sum;
}

/** y[i] = sum over p of M(i, p) x[p] for `rows` rows, M(i, p) at matrix[i * row + p * step], one of the strides being 1. */
static void NAME(times_vector)(int64_t rows, int64_t k, const T *matrix, int64_t row, int64_t step, const T *x, T *restrict y,
                               int64_t y_step) {
  if (step == 1) {
    for (int64_t i = 0; i < rows; i++) y[i * y_step] = NAME(dot)(k, matrix + i * row, x);
    return;
  }
  T sums[512];
  for (int64_t i0 = 0; i0 < rows; i0 += 512) {
    int64_t count = TG_MIN(512, rows - i0);
    const T *m = matrix + i0;
    memset(sums, 0, sizeof sums);
    int64_t p = 0;
    for (; p + 4 <= k; p += 4) {
      const T *r0 = m + p * step, *r1 = r0 + step, *r2 = r1 + step, *r3 = r2 + step;
      T x0 = x[p], x1 = x[p + 1], x2 = x[p + 2], x3 = x[p + 3];
      for (int64_t i = 0; i < count; i++) sums[i] += (x0 * r0[i] + x1 * r1[i]) + (x2 * r2[i] + x3 * r3[i]);
    }
    for (; p < k; p++)
      for (int64_t i = 0; i < count; i++) sums[i] += x[p] * m[p * step + i];
    for (int64_t i = 0; i < count; i++) y[(i0 + i) * y_step] = sums[i];
  }
}

/** The vector at `x` with stride `step` as a dense one. */
static const T *NAME(dense)(int64_t k, const T *x, int64_t step) {
  if (step == 1) return x;
  T *copy = tg_scratch(TG_SCRATCH_EDGE, k * (int64_t)sizeof(T));
  if (copy)
    for (int64_t p = 0; p < k; p++) copy[p] = x[p * step];
  return copy;
}

/** Rows (n small) or columns (m small) [from, to) of a product that is a few matrix-vector products. Does nothing without memory. */
static void NAME(multiply_vectors)(const NAME(product) *g, int by_rows, int64_t from, int64_t to) {
  if (by_rows) {
    for (int64_t j = 0; j < g->n; j++) {
      const T *x = NAME(dense)(g->k, g->b + j * g->b_column, g->b_step);
      if (!x) return;
      NAME(times_vector)(to - from, g->k, g->a + from * g->a_row, g->a_row, g->a_step, x, g->c + from * g->ldc + j, g->ldc);
    }
    if (g->epilogue) g->epilogue(g->context, g->batch, from, to, 0, g->n);
  } else {
    for (int64_t i = 0; i < g->m; i++) {
      const T *x = NAME(dense)(g->k, g->a + i * g->a_row, g->a_step);
      if (!x) return;
      NAME(times_vector)(to - from, g->k, g->b + from * g->b_column, g->b_column, g->b_step, x, g->c + i * g->ldc + from, 1);
    }
    if (g->epilogue) g->epilogue(g->context, g->batch, 0, g->m, from, to);
  }
}
