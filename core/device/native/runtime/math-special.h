/**
 * erf and erfc, branch-free in f32 and f64; lgamma (the system's) and polygamma (special.c), which are rare. erfc is computed as
 * exp(-x²) g(x) with (1 + 2x) g a polynomial in (x - 2) / (x + 2), the form of Shepherd and Laframboise, Math. Comp. 36 (1981).
 */
#ifndef TRIGRAD_MATH_SPECIAL_H
#define TRIGRAD_MATH_SPECIAL_H

#include <math.h>

#include "math-exp.h"

/** erfc a for a >= 0. */
TG_FN double tg_erfc_positive(double a) {
  a = a > 28 ? 28 : a;
  double z = (a - 2) / (a + 2), p = -1.128214509634409e-08;
  TG_STEP(f64, -1.873090840926862e-08) TG_STEP(f64, 8.080038002580034e-08) TG_STEP(f64, 2.0626358001304644e-07)
  TG_STEP(f64, -1.1537107794980397e-07) TG_STEP(f64, -8.936453135416524e-07) TG_STEP(f64, -8.535135919970423e-07)
  TG_STEP(f64, 1.5344281781230316e-06) TG_STEP(f64, 5.333347783174734e-06) TG_STEP(f64, 3.7018200711829523e-06)
  TG_STEP(f64, -1.3543657569670265e-05) TG_STEP(f64, -3.6422436158434013e-05) TG_STEP(f64, -1.493950203275319e-06)
  TG_STEP(f64, 0.00015103945334060586) TG_STEP(f64, 0.00020636389849523212) TG_STEP(f64, -0.0004543409456546862)
  TG_STEP(f64, -0.0014568135046426837) TG_STEP(f64, 0.0012713389834085162) TG_STEP(f64, 0.008722653840529719)
  TG_STEP(f64, -0.008034015083684646) TG_STEP(f64, -0.05422000099058023) TG_STEP(f64, 0.16405128003348055)
  TG_STEP(f64, -0.16603039761531316) TG_STEP(f64, -0.09276382658574633) TG_STEP(f64, 1.2769783815525289)
  /* exp(-a²) with a² = h² + (a - h)(a + h), where h has 26 bits and its square is exact. */
  double h = tg_from_bits_f64(tg_bits_f64(a) & 0xfffffffff8000000u), d = (h - a) * (h + a);
  double rest = tg_fma_f64(d, tg_fma_f64(d, tg_fma_f64(d, 0.16666666666666666, 0.5), 1), 1);
  return tg_exp_f64(-h * h) * (p / (1 + 2 * a) * rest);
}
/** At most 4 ulp. */
TG_FN double tg_erfc_f64(double x) {
  double y = tg_erfc_positive(__builtin_fabs(x));
  return x < 0 ? 2 - y : y;
}
/** At most 2 ulp. */
TG_FN double tg_erf_f64(double x) {
  double a = __builtin_fabs(x), z = x * x, p = 5.960701739558499e-11;
  TG_STEP(f64, -1.1374964774195256e-09) TG_STEP(f64, 1.4660330858787547e-08) TG_STEP(f64, -1.6350396504903226e-07)
  TG_STEP(f64, 1.6461008500463625e-06) TG_STEP(f64, -1.4925595773305657e-05) TG_STEP(f64, 0.00012055331132988645)
  TG_STEP(f64, -0.0008548326981425996) TG_STEP(f64, 0.00522397762482843) TG_STEP(f64, -0.026866170645077875)
  TG_STEP(f64, 0.11283791670954885) TG_STEP(f64, -0.3761263890318375) TG_STEP(f64, 0.12837916709551257)
  return a < 1 ? tg_fma_f64(x, p, x) : __builtin_copysign(1 - tg_erfc_positive(a), x);
}
TG_FN float tg_erfc_f32(float x) { return (float)tg_erfc_f64(x); }
/** Below 1 an odd polynomial, above it 1 - exp of a polynomial for log erfc. At most 2 ulp. */
TG_FN float tg_erf_f32(float x) {
  float a = __builtin_fabsf(x), z = x * x, p = 7.889095286373049e-05f;
  TG_STEP(f32, -0.0008020834065973759f) TG_STEP(f32, 0.005189534742385149f) TG_STEP(f32, -0.026854444295167923f)
  TG_STEP(f32, 0.11283600330352783f) TG_STEP(f32, -0.3761262595653534f) TG_STEP(f32, 0.12837916612625122f)
  float near = tg_fma_f32(x, p, x);
  z = a > 4 ? 4 : a;
  p = 1.3980668427393539e-06f;
  TG_STEP(f32, -4.1901959775714204e-05f) TG_STEP(f32, 0.000566269620321691f) TG_STEP(f32, -0.004635788034647703f)
  TG_STEP(f32, 0.026118041947484016f) TG_STEP(f32, -0.1096208319067955f) TG_STEP(f32, -0.632247269153595f)
  TG_STEP(f32, -1.130019187927246f) TG_STEP(f32, 0.00027380164829082787f)
  return a < 1 ? near : x != x ? x : __builtin_copysignf(1 - tg_exp_f32(p), x);
}

/** log |Γ(x)|: the system's, without its global variable for the sign. */
TG_FN double tg_lgamma_f64(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
TG_FN float tg_lgamma_f32(float x) { return (float)tg_lgamma_f64(x); }

/** As `polygamma` of core/base/special.ts. */
__attribute__((visibility("default"))) double tg_polygamma(double n, double x);
TG_FN float tg_polygamma_f32(float n, float x) { return (float)tg_polygamma(n, x); }
TG_FN double tg_polygamma_f64(double n, double x) { return tg_polygamma(n, x); }

#endif
