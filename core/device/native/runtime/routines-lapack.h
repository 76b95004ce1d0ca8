/**
 * What routines-dense.h does within a block, by OpenBLAS and its LAPACK, for one element type T: blocks can then be larger, and less
 * is left to loops. Triangular systems are split into parts for the threads; the parts depend on the shape alone, never on the
 * number of threads, so neither do results.
 */

/** Columns of a block, and rows or columns of one part of a triangular system. */
#define TG_LAPACK_BLOCK 192
#define TG_LAPACK_PART 128
/** From this order, and from so many right-hand sides, OpenBLAS is asked: measured on AVX2. */
#define TG_LAPACK_ORDER 192
#define TG_LAPACK_COLUMNS 16

static int NAME(uses_lapack)(int64_t n) {
  return blas.in_use && LAPACK(potrf) && LAPACK(getrf) && LAPACK(trsm) && n >= TG_LAPACK_ORDER && n < INT32_MAX / 2;
}

/** M X = B (left) or X M = B for a triangle of a row-major matrix; X in place of B. See cblas_?trsm. */
typedef struct {
  int left, lower, transpose, unit;
  int64_t rows, columns;
  const T *m;
  int64_t ldm;
  T *x;
  int64_t ldx;
} NAME(triangle);

static void NAME(triangle_chunk)(void *context, int64_t chunk) {
  const NAME(triangle) *s = context;
  int64_t from = chunk * TG_LAPACK_PART, count = TG_MIN(TG_LAPACK_PART, (s->left ? s->columns : s->rows) - from);
  LAPACK(trsm)(TG_ROW_MAJOR, s->left ? TG_LEFT : TG_RIGHT, s->lower ? TG_LOWER : TG_UPPER, s->transpose ? TG_TRANSPOSED : TG_AS_IS,
               s->unit ? TG_UNIT : TG_NOT_UNIT, (int)(s->left ? s->rows : count), (int)(s->left ? count : s->columns), 1, s->m,
               (int)s->ldm, s->x + from * (s->left ? 1 : s->ldx), (int)s->ldx);
}

static void NAME(solve_by_parts)(NAME(triangle) s) {
  tg_parallel(TG_CEIL_DIV(s.left ? s.columns : s.rows, TG_LAPACK_PART), NAME(triangle_chunk), &s);
}

/** OpenBLAS multiplies by the inverse of each diagonal entry, which must be a number for that. */
static int NAME(has_inverses)(int64_t n, const T *m) {
  for (int64_t i = 0; i < n; i++) {
    T d = m[i * (n + 1)];
    if (d != 0 && !(isfinite(1 / d) && 1 / d != 0)) return 0;
  }
  return 1;
}

/** The lower triangle of the block of `size` at l, and the `below` rows under it, become those of the factor; 0: not positive definite. */
static int NAME(cholesky_block)(int64_t n, int64_t size, int64_t below, T *l) {
  int order = (int)size, stride = (int)n, info = 0;
  /* By columns, as LAPACK reads it, this is the upper triangle of the transpose. */
  LAPACK(potrf)("U", &order, l, &stride, &info, 1);
  if (info != 0) return 0;
  for (int64_t i = 0; i < size; i++)
    if (!(l[i * (n + 1)] > 0)) return 0;
  if (below > 0)
    NAME(solve_by_parts)((NAME(triangle)){.lower = 1, .transpose = 1, .rows = below, .columns = size, .m = l, .ldm = n, .x = l + size * n,
                                          .ldx = n});
  return 1;
}

/** The `size` columns from j0 on, from row j0 down, become their factors; the rows of all other columns are exchanged alike. */
static void NAME(factor_block)(int64_t n, int64_t j0, int64_t size, T *a, int64_t *pivot, int *sign) {
  int rows = (int)(n - j0), columns = (int)size, info = 0, exchanges[TG_LAPACK_BLOCK];
  T *panel = tg_scratch(TG_SCRATCH_UPDATE, rows * size * (int64_t)sizeof(T));
  for (int64_t j = 0; j < size; j++) pivot[j0 + j] = j0 + j;
  if (!panel) return;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < size; j++) panel[j * rows + i] = a[(j0 + i) * n + j0 + j];
  LAPACK(getrf)(&rows, &columns, panel, &rows, exchanges, &info);
  for (int64_t j = 0; j < size; j++) {
    int64_t row = j0 + j, other = j0 + exchanges[j] - 1;
    pivot[row] = other;
    if (other == row) continue;
    NAME(swap_rows)(n, a + row * n, a + other * n);
    *sign = -*sign;
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < size; j++) a[(j0 + i) * n + j0 + j] = panel[j * rows + i];
  if (j0 + size < n)
    NAME(solve_by_parts)((NAME(triangle)){.left = 1, .lower = 1, .unit = 1, .rows = size, .columns = n - j0 - size, .m = a + j0 * (n + 1),
                                          .ldm = n, .x = a + j0 * n + j0 + size, .ldx = n});
}
