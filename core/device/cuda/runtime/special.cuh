/**
 * polygamma, as in core/base/special.ts: recurrence to where the asymptotic (digamma) or the Euler-Maclaurin series (the others)
 * hold, reflection for negative arguments. Formulas are numbered as in Abramowitz and Stegun, chapters 6 and 23.
 */
#define TG_PI 3.141592653589793

/** B₂, B₄, … */
TG_FN double tg_bernoulli(int i) {
  const double numbers[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42,       -1.0 / 30,      5.0 / 66,        -691.0 / 2730,
                            7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};
  return numbers[i];
}

__device__ __noinline__ double tg_cot_pi(double x) {
  const double r = x - floor(x + 0.5);
  if (fabs(r) <= 0.25) return 1 / tan(TG_PI * r);
  return r > 0 ? tan(TG_PI * (0.5 - r)) : -tan(TG_PI * (0.5 + r));
}

__device__ __noinline__ double tg_digamma_positive(double x) {
  double shift = 0;
  for (; x < 10; x++) shift += 1 / x;
  double z = 1 / (x * x), w = 0; /* 6.3.18 */
  for (int k = 10; k >= 1; k--) w = (w + tg_bernoulli(k - 1) / (2 * k)) * z;
  return log(x) - 0.5 / x - w - shift;
}

/** ζ(s, a) = Σ (a + k)^-s for whole s >= 2 and a > 0, 23.1.30. */
__device__ __noinline__ double tg_hurwitz_zeta(double s, double a) {
  double head = 0, tail = 0;
  for (; a < 10 + s; a++) head += pow(a, -s);
  double z = 1 / (a * a), term = s / a / 2;
  for (int j = 1; j <= 12; j++) {
    tail += tg_bernoulli(j - 1) * term;
    term *= ((s + 2 * j - 1) * (s + 2 * j) * z) / ((2.0 * j + 1) * (2 * j + 2));
  }
  return head + pow(a, -s) * (a / (s - 1) + 0.5 + tail);
}

/** Highest order whose derivative of cot is made; beyond it the factorial overflows. */
#define TG_MAX_ORDER 170

/** dⁿ/duⁿ cot u as a polynomial in c = cot u, by P₀ = c, Pₙ₊₁ = -(1 + c²) Pₙ'. */
__device__ __noinline__ double tg_cot_derivative(int n, double c) {
  double p[TG_MAX_ORDER + 4];
  for (int k = 0; k < n + 4; k++) p[k] = k == 1 ? 1 : 0;
  for (int i = 0; i < n; i++) {
    double after = 0; /* what stood at k + 1 */
    for (int k = i + 2; k >= 0; k--) {
      const double old = p[k];
      p[k] = -((k + 1) * after + (k >= 1 ? (k - 1) * p[k - 1] : 0));
      after = old;
    }
  }
  double value = 0;
  for (int k = n + 1; k >= 0; k--) value = value * c + p[k];
  return value;
}

__device__ __noinline__ double tg_polygamma(double n, double x) {
  if (!(n >= 0) || n != floor(n) || x != x) return TG_NAN_F64;
  if (n == 0) {
    if (x > 0) return tg_digamma_positive(x);
    return x == floor(x) ? TG_NAN_F64 : tg_digamma_positive(1 - x) - TG_PI * tg_cot_pi(x);
  }
  if (x == TG_INF_F64) return 0;
  double sign = fmod(n, 2.0) == 0 ? -1 : 1, factorial = 1;
  for (double i = 2; i <= n && i <= TG_MAX_ORDER + 1; i++) factorial *= i;
  if (x > 0) return sign * factorial * tg_hurwitz_zeta(n + 1, x);
  if (x == floor(x)) return sign > 0 ? TG_INF_F64 : TG_NAN_F64;
  if (n > TG_MAX_ORDER) return TG_NAN_F64;
  /* (-1)^n ψₙ(1 - x) - ψₙ(x) = π dⁿ/dxⁿ cot πx, 6.4.7. */
  return -sign * (sign * factorial * tg_hurwitz_zeta(n + 1, 1 - x)) - pow(TG_PI, n + 1) * tg_cot_derivative((int)n, tg_cot_pi(x));
}
TG_FN float tg_polygamma_f32(float n, float x) { return (float)tg_polygamma(n, x); }
TG_FN double tg_polygamma_f64(double n, double x) { return tg_polygamma(n, x); }
