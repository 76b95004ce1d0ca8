/**
 * Factorisations and triangular systems of dense row-major matrices, for one element type T (after gemm-driver.h). All are blocked
 * (Golub and Van Loan, "Matrix Computations", 3.2 and 4.2): TG_BLOCK columns at a time are worked by loops, and everything to their
 * left or right is a matrix product, which is where the time goes and where the threads, and OpenBLAS, come in. What is done within a
 * block of a large matrix is OpenBLAS's too where it is there (routines-lapack.h).
 */

/** C -= A B, C m x n. Strides as in `product`; the product is made in working memory. */
static void NAME(subtract_product)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_step, const T *b, int64_t b_step,
                                   int64_t b_column, T *c, int64_t ldc) {
  if (m <= 0 || n <= 0 || k <= 0) return;
  T *update = tg_scratch(TG_SCRATCH_UPDATE, m * n * (int64_t)sizeof(T));
  if (!update) return;
  NAME(product) g = {.m = m, .n = n, .k = k, .a = a, .b = b, .c = update, .a_row = a_row, .a_step = a_step, .b_step = b_step,
                     .b_column = b_column, .ldc = n};
  NAME(multiply)(&g);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * ldc + j] -= update[i * n + j];
}

static void NAME(swap_rows)(int64_t count, T *x, T *y) {
  for (int64_t j = 0; j < count; j++) {
    T t = x[j];
    x[j] = y[j];
    y[j] = t;
  }
}

#include "routines-lapack.h"

/**
 * A → L with L Lᵀ = A in the lower triangle, zeros above; all NaN where A is not positive definite. Left-looking: a block column
 * first gets what the ones before it owe.
 */
static void NAME(cholesky)(int64_t n, const T *a, T *l) {
  for (int64_t i = 0; i < n; i++) {
    memcpy(l + i * n, a + i * n, (size_t)(i + 1) * sizeof(T));
    memset(l + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof(T));
  }
  int lapack = NAME(uses_lapack)(n);
  int64_t block = lapack ? TG_LAPACK_BLOCK : TG_BLOCK;
  for (int64_t j0 = 0; j0 < n; j0 += block) {
    int64_t j1 = TG_MIN(j0 + block, n);
    NAME(subtract_product)(n - j0, j1 - j0, j0, l + j0 * n, n, 1, l + j0 * n, 1, n, l + j0 * n + j0, n);
    int definite = !lapack || NAME(cholesky_block)(n, j1 - j0, n - j1, l + j0 * (n + 1));
    /* Row by row, each against the rows of the diagonal block that are done. */
    for (int64_t i = lapack ? n : j0; i < n; i++) {
      T *row = l + i * n + j0;
      for (int64_t j = j0; j < TG_MIN(i + 1, j1); j++) {
        const T *other = l + j * n + j0;
        T rest = row[j - j0] - NAME(dot)(j - j0, row, other);
        if (i == j && !(rest > 0)) definite = 0;
        row[j - j0] = i == j ? NAME(square_root)(rest) : rest / other[j - j0];
      }
      if (!definite) break;
    }
    if (!definite) {
      for (int64_t all = 0; all < n * n; all++) l[all] = (T)NAN;
      return;
    }
    for (int64_t i = j0; i < j1; i++) memset(l + i * n + i + 1, 0, (size_t)(j1 - i - 1) * sizeof(T));
  }
}

/**
 * X in place of B[n x columns]: M X = B for M lower or upper triangular, M(i, j) at m[i * row + j * column]; `unit`: the diagonal
 * is one and not read.
 */
static void NAME(solve_triangle)(int64_t n, int64_t columns, const T *m, int64_t row, int64_t column, int lower, int unit, T *x) {
  int lapack = columns >= TG_LAPACK_COLUMNS && columns < INT32_MAX / 2 && NAME(uses_lapack)(n) && (unit || NAME(has_inverses)(n, m));
  int64_t block = lapack ? TG_LAPACK_BLOCK : TG_BLOCK, blocks = TG_CEIL_DIV(n, block);
  for (int64_t step = 0; step < blocks; step++) {
    int64_t b0 = (lower ? step : blocks - 1 - step) * block, b1 = TG_MIN(b0 + block, n);
    int64_t done = lower ? 0 : b1, count = lower ? b0 : n - b1;
    NAME(subtract_product)(b1 - b0, columns, count, m + b0 * row + done * column, row, column, x + done * columns, columns, 1,
                           x + b0 * columns, columns);
    if (lapack) {
      /* What M has below its diagonal is stored above where M is transposed. */
      NAME(solve_by_parts)((NAME(triangle)){.left = 1, .lower = !lower == (column != 1), .transpose = column != 1, .unit = unit,
                                            .rows = b1 - b0, .columns = columns, .m = m + b0 * (n + 1), .ldm = n, .x = x + b0 * columns,
                                            .ldx = columns});
      continue;
    }
    for (int64_t s = 0; s < b1 - b0; s++) {
      int64_t i = lower ? b0 + s : b1 - 1 - s;
      T *to = x + i * columns;
      for (int64_t p = lower ? b0 : i + 1; p < (lower ? i : b1); p++) {
        T factor = m[i * row + p * column];
        const T *from = x + p * columns;
        for (int64_t j = 0; j < columns; j++) to[j] -= factor * from[j];
      }
      if (unit) continue;
      T pivot = m[i * row + i * column];
      for (int64_t j = 0; j < columns; j++) to[j] /= pivot;
    }
  }
}

/** LAPACK may pass over a NaN in its search for a pivot. */
static int NAME(all_finite)(int64_t count, const T *a) {
  int64_t finite = 0;
  for (int64_t i = 0; i < count; i++) finite += isfinite(a[i]) != 0;
  return finite == count;
}

/** P A = L U in place, L below the diagonal (of ones); pivot[i] is the row that row i was exchanged with. Returns det P. */
static int NAME(factor)(int64_t n, T *a, int64_t *pivot) {
  int sign = 1, lapack = NAME(uses_lapack)(n) && NAME(all_finite)(n * n, a);
  int64_t block = lapack ? TG_LAPACK_BLOCK : TG_BLOCK;
  for (int64_t j0 = 0; j0 < n; j0 += block) {
    int64_t j1 = TG_MIN(j0 + block, n);
    if (lapack) NAME(factor_block)(n, j0, j1 - j0, a, pivot, &sign);
    for (int64_t j = lapack ? j1 : j0; j < j1; j++) {
      int64_t best = j;
      /* A NaN is the largest of all, so that it is not passed over where a later step would not read it. */
      for (int64_t i = j + 1; i < n && a[best * n + j] == a[best * n + j]; i++)
        if (!(NAME(magnitude)(a[i * n + j]) <= NAME(magnitude)(a[best * n + j]))) best = i;
      pivot[j] = best;
      if (best != j) {
        NAME(swap_rows)(n, a + j * n, a + best * n);
        sign = -sign;
      }
      T diagonal = a[j * n + j];
      /* A column of zeros: U has a zero there, and there is nothing to eliminate. */
      if (diagonal == 0) continue;
      for (int64_t i = j + 1; i < n; i++) {
        T factor = a[i * n + j] /= diagonal;
        for (int64_t p = j + 1; p < j1; p++) a[i * n + p] -= factor * a[j * n + p];
      }
    }
    if (j1 == n) break;
    /* The rows right of the block: those of U by forward substitution, the others by a product. */
    for (int64_t i = lapack ? j1 : j0 + 1; i < j1; i++)
      for (int64_t p = j0; p < i; p++) {
        T factor = a[i * n + p];
        for (int64_t j = j1; j < n; j++) a[i * n + j] -= factor * a[p * n + j];
      }
    NAME(subtract_product)(n - j1, n - j1, j1 - j0, a + j1 * n + j0, n, 1, a + j0 * n + j1, n, 1, a + j1 * n + j1, n);
  }
  return sign;
}

/** A copy of A, factored, in working memory, and its pivots behind it; null without memory. */
static T *NAME(factored)(int64_t n, const T *a, int64_t **pivot, int *sign) {
  int64_t bytes = TG_CEIL_DIV(n * n * (int64_t)sizeof(T), 64) * 64;
  char *memory = tg_scratch(TG_SCRATCH_ROUTINE, bytes + n * (int64_t)sizeof(int64_t));
  if (!memory) return NULL;
  *pivot = (int64_t *)(memory + bytes);
  if (n > 0) memcpy(memory, a, (size_t)(n * n) * sizeof(T));
  *sign = NAME(factor)(n, (T *)memory, *pivot);
  return (T *)memory;
}

/** X in place of B: op(A) X = B by P A = L U. A X = B is L U X = P B; Aᵀ X = B is Uᵀ Lᵀ P X = B. */
static void NAME(solve_factored)(int64_t n, int64_t columns, const T *lu, const int64_t *pivot, int transpose, T *x) {
  if (transpose) {
    NAME(solve_triangle)(n, columns, lu, 1, n, 1, 0, x);
    NAME(solve_triangle)(n, columns, lu, 1, n, 0, 1, x);
    for (int64_t i = n; i-- > 0;) NAME(swap_rows)(columns, x + i * columns, x + pivot[i] * columns);
  } else {
    for (int64_t i = 0; i < n; i++) NAME(swap_rows)(columns, x + i * columns, x + pivot[i] * columns);
    NAME(solve_triangle)(n, columns, lu, n, 1, 1, 1, x);
    NAME(solve_triangle)(n, columns, lu, n, 1, 0, 0, x);
  }
}

static void NAME(solve)(int64_t n, int64_t columns, const T *a, int transpose, const T *b, T *x) {
  int64_t *pivot;
  int sign;
  const T *lu = NAME(factored)(n, a, &pivot, &sign);
  if (!lu) return;
  memcpy(x, b, (size_t)(n * columns) * sizeof(T));
  NAME(solve_factored)(n, columns, lu, pivot, transpose, x);
}

/** det A, or log |det A|, in double. Powers of two are counted apart: the product may leave the range of doubles on its way. */
static T NAME(determinant)(int64_t n, const T *a, int logarithm) {
  int64_t *pivot;
  int sign;
  const T *lu = NAME(factored)(n, a, &pivot, &sign);
  if (!lu) return (T)NAN;
  double product = sign, sum = 0;
  int64_t powers = 0;
  for (int64_t i = 0; i < n; i++) {
    double u = (double)lu[i * n + i];
    int power = 0;
    product *= isfinite(u) ? frexp(u, &power) : u;
    powers += power;
    if (isfinite(product)) {
      product = frexp(product, &power);
      powers += power;
    }
    sum += log(fabs(u));
  }
  if (logarithm) return (T)sum;
  return (T)(isfinite(product) ? ldexp(product, (int)TG_MIN(TG_MAX(powers, -5000), 5000)) : product);
}

static void NAME(cofactors)(int64_t n, const T *a, const T *e, T *out);

static void NAME(routine_one)(const tg_routine *s, const T *a, const T *b, void *out) {
  /* Of an empty system there may be no pointers. */
  int is_system = s->routine == TG_TRIANGULAR_SOLVE || s->routine == TG_SOLVE;
  if (is_system && (s->n == 0 || s->columns == 0)) return;
  switch (s->routine) {
    case TG_CHOLESKY: NAME(cholesky)(s->n, a, out); return;
    case TG_TRIANGULAR_SOLVE:
      memcpy(out, b, (size_t)(s->n * s->columns) * sizeof(T));
      NAME(solve_triangle)(s->n, s->columns, a, s->transpose ? 1 : s->n, s->transpose ? s->n : 1, !s->lower == !!s->transpose, 0, out);
      return;
    case TG_SOLVE: NAME(solve)(s->n, s->columns, a, s->transpose != 0, b, out); return;
    case TG_DETERMINANT: *(T *)out = NAME(determinant)(s->n, a, 0); return;
    case TG_LOG_DETERMINANT: *(T *)out = NAME(determinant)(s->n, a, 1); return;
    case TG_COFACTORS: NAME(cofactors)(s->n, a, b, out); return;
    default: NAME(argsort)(s->n, a, s->descending != 0, out); return;
  }
}
