/**
 * Cofactors of any matrix and their derivative, in double: the C of core/kernel/routines/cofactors.ts, which has the mathematics. By
 * plain loops, since this serves singular matrices and second derivatives; cofactors of others are made from the factors of
 * routines-dense.h.
 */

/** P A Q = X D Y in place by complete pivoting: X below, D on and Y above the diagonal. Returns det P · det Q. */
static int factor_completely(int64_t n, double *a, int64_t *rows, int64_t *columns) {
  int sign = 1;
  for (int64_t i = 0; i < n; i++) rows[i] = columns[i] = i;
  for (int64_t k = 0; k < n; k++) {
    int64_t p = k, q = k;
    double best = 0;
    for (int64_t i = k; i < n; i++)
      for (int64_t j = k; j < n; j++)
        if (fabs(a[i * n + j]) > best) {
          best = fabs(a[i * n + j]);
          p = i;
          q = j;
        }
    if (best == 0) break;
    if (p != k) {
      swap_rows_f64(n, a + k * n, a + p * n);
      int64_t t = rows[k];
      rows[k] = rows[p];
      rows[p] = t;
      sign = -sign;
    }
    if (q != k) {
      for (int64_t i = 0; i < n; i++) {
        double t = a[i * n + k];
        a[i * n + k] = a[i * n + q];
        a[i * n + q] = t;
      }
      int64_t t = columns[k];
      columns[k] = columns[q];
      columns[q] = t;
      sign = -sign;
    }
    double pivot = a[k * n + k];
    for (int64_t i = k + 1; i < n; i++) {
      double x = a[i * n + k] /= pivot;
      if (x == 0) continue;
      for (int64_t j = k + 1; j < n; j++) a[i * n + j] -= x * a[k * n + j];
    }
    for (int64_t j = k + 1; j < n; j++) a[k * n + j] /= pivot;
  }
  return sign;
}

/** B → T⁻¹ B for the lower or upper triangle of T(i, j) = t[i * row + j * column] with ones on its diagonal. */
static void solve_unit(int64_t n, const double *t, int64_t row, int64_t column, int lower, double *b) {
  for (int64_t step = 0; step < n; step++) {
    int64_t i = lower ? step : n - 1 - step;
    for (int64_t p = lower ? 0 : i + 1; p < (lower ? i : n); p++) {
      double factor = t[i * row + p * column];
      if (factor == 0) continue;
      for (int64_t j = 0; j < n; j++) b[i * n + j] -= factor * b[p * n + j];
    }
  }
}

static void transpose_square(int64_t n, const double *from, double *to) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) to[j * n + i] = from[i * n + j];
}

/** A product as a fraction and a power of two. */
typedef struct {
  double fraction;
  int64_t power;
} scaled_product;

static scaled_product times(scaled_product p, double x) {
  int own, both;
  double fraction = frexp(p.fraction * frexp(x, &own), &both);
  return (scaled_product){fraction, p.power + own + both};
}

static double value_of(double factor, int64_t power) { return ldexp(factor, (int)TG_MIN(TG_MAX(power, -5000), 5000)); }

/** The product of all d but those at i and j (which may be one). */
static double product_without(const double *d, scaled_product all, int64_t zeros, int64_t i, int64_t j) {
  if (zeros > (d[i] == 0) + (j != i && d[j] == 0)) return 0;
  int first = 0, second = 0;
  double f = d[i] == 0 ? 1 : frexp(d[i], &first);
  double g = j == i || d[j] == 0 ? 1 : frexp(d[j], &second);
  return value_of(all.fraction / f / g, all.power - first - second);
}

/** Cofactors of diag(d), or their derivative along F, which m holds; `slopes` is room for n numbers. */
static void diagonal_case(int64_t n, const double *d, int sign, int along, double *m, double *slopes) {
  scaled_product all = {sign, 0};
  int64_t zeros = 0;
  for (int64_t i = 0; i < n; i++) {
    if (d[i] == 0) zeros++;
    else all = times(all, d[i]);
    slopes[i] = m[i * n + i];
  }
  for (int64_t i = 0; i < n; i++) {
    if (!along) {
      m[i * n + i] = product_without(d, all, zeros, i, i);
      continue;
    }
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
      if (k != i) sum += slopes[k] * product_without(d, all, zeros, i, k);
    m[i * n + i] = sum;
    for (int64_t j = 0; j < i; j++) {
      double p = product_without(d, all, zeros, i, j), upper = m[j * n + i];
      m[j * n + i] = -m[i * n + j] * p;
      m[i * n + j] = -upper * p;
    }
  }
}

/** a[n x n] is overwritten by its cofactors, or where `e` is not null by their derivative along e. */
static void cofactors_of_any(int64_t n, double *a, const double *e) {
  int64_t square = n * n;
  char *memory = tg_scratch(TG_SCRATCH_COFACTORS, (2 * square + 2 * n) * (int64_t)sizeof(double) + 2 * n * (int64_t)sizeof(int64_t));
  if (!memory) return;
  double *m = (double *)memory, *turned = m + square, *d = turned + square, *slopes = d + n;
  int64_t *rows = (int64_t *)(slopes + n), *columns = rows + n;
  for (int64_t i = 0; i < square; i++)
    if (!isfinite(a[i])) {
      for (int64_t all = 0; all < square; all++) a[all] = NAN;
      return;
    }
  int sign = factor_completely(n, a, rows, columns);
  for (int64_t i = 0; i < n; i++) d[i] = a[i * n + i];
  memset(m, 0, (size_t)square * sizeof *m);
  if (e) {
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) m[i * n + j] = e[rows[i] * n + columns[j]];
    solve_unit(n, a, n, 1, 1, m);
    transpose_square(n, m, turned);
    solve_unit(n, a, 1, n, 1, turned);
    transpose_square(n, turned, m);
  }
  diagonal_case(n, d, sign, e != NULL, m, slopes);
  solve_unit(n, a, 1, n, 0, m);
  transpose_square(n, m, turned);
  solve_unit(n, a, n, 1, 0, turned);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) a[rows[i] * n + columns[j]] = turned[j * n + i];
}

/** out = cof A, or its derivative along e: det A · A⁻ᵀ where A is plainly invertible and e is null. */
#define TG_COFACTORS_OF(type, suffix)                                                                                                  \
  static void cofactors_##suffix(int64_t n, const type *a, const type *e, type *out) {                                                 \
    int64_t square = n * n;                                                                                                            \
    if (!e) {                                                                                                                          \
      int64_t *pivot, finite = 0;                                                                                                      \
      int sign;                                                                                                                        \
      const type *lu = factored_##suffix(n, a, &pivot, &sign);                                                                         \
      if (!lu) return;                                                                                                                 \
      scaled_product det = {sign, 0};                                                                                                  \
      for (int64_t i = 0; i < n; i++) det = times(det, (double)lu[i * n + i]);                                                         \
      if (det.fraction != 0 && isfinite(det.fraction)) {                                                                               \
        memset(out, 0, (size_t)square * sizeof(type));                                                                                 \
        for (int64_t i = 0; i < n; i++) out[i * n + i] = 1;                                                                            \
        solve_factored_##suffix(n, n, lu, pivot, 1, out);                                                                              \
        for (int64_t i = 0; i < square; i++) finite += isfinite(out[i]) != 0;                                                          \
        for (int64_t i = 0; finite == square && i < square; i++)                                                                       \
          out[i] = (type)value_of(det.fraction * (double)out[i], det.power);                                                           \
        if (finite == square) return;                                                                                                  \
      }                                                                                                                                \
    }                                                                                                                                  \
    double *wide = tg_scratch(TG_SCRATCH_UPDATE, 2 * square * (int64_t)sizeof(double));                                                \
    if (!wide) return;                                                                                                                 \
    for (int64_t i = 0; i < square; i++) wide[i] = a[i];                                                                               \
    for (int64_t i = 0; e && i < square; i++) wide[square + i] = e[i];                                                                 \
    cofactors_of_any(n, wide, e ? wide + square : NULL);                                                                               \
    for (int64_t i = 0; i < square; i++) out[i] = (type)wide[i];                                                                       \
  }
TG_COFACTORS_OF(float, f32)
TG_COFACTORS_OF(double, f64)
