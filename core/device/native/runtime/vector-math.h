/**
 * The scalar functions of kernels (core/kernel/scalar-expr.ts) in C: tg_<function>_f32 and tg_<function>_f64, with the special
 * values of core/kernel/javascript.ts. All are inline; loops over those of math-exp.h, over erf and erfc, and over all of f32 but
 * rem, lgamma and polygamma become vector code. Largest errors are asserted in vector-math.test.ts.
 */
#ifndef TRIGRAD_VECTOR_MATH_H
#define TRIGRAD_VECTOR_MATH_H

#include <math.h>

#include "math-exp.h"
#include "math-special.h"
#include "math-trigonometric.h"

/** `c` is the letter that the C library adds to names for this type. round: halves go up. min, max: NaN if either is; -0 < 0. */
#define TG_BASIC(T, type, c)                                                                                               \
  TG_FN T tg_abs_##type(T x) { return __builtin_fabs##c(x); }                                                             \
  TG_FN T tg_sign_##type(T x) { return x > 0 ? (T)1 : x < 0 ? (T)-1 : x; }                                                \
  TG_FN T tg_floor_##type(T x) { return __builtin_floor##c(x); }                                                          \
  TG_FN T tg_ceil_##type(T x) { return __builtin_ceil##c(x); }                                                            \
  TG_FN T tg_trunc_##type(T x) { return __builtin_trunc##c(x); }                                                          \
  TG_FN T tg_round_##type(T x) {                                                                                          \
    T below = __builtin_floor##c(x);                                                                                      \
    return __builtin_copysign##c(x - below >= (T)0.5 ? below + 1 : below, x);                                             \
  }                                                                                                                       \
  TG_FN T tg_sqrt_##type(T x) { return __builtin_sqrt##c(x); }                                                            \
  TG_FN T tg_min_##type(T x, T y) {                                                                                       \
    T least = x < y || (x == y && __builtin_copysign##c((T)1, x) < 0) ? x : y;                                            \
    return x != x ? x : least;                                                                                            \
  }                                                                                                                       \
  TG_FN T tg_max_##type(T x, T y) {                                                                                       \
    T most = x > y || (x == y && __builtin_copysign##c((T)1, x) > 0) ? x : y;                                             \
    return x != x ? x : most;                                                                                             \
  }                                                                                                                       \
  TG_FN T tg_rem_##type(T x, T y) { return __builtin_fmod##c(x, y); }
TG_BASIC(float, f32, f)
TG_BASIC(double, f64, )
#undef TG_BASIC

/** Unlike C, JavaScript has NaN for 1 to the power NaN and for 1 or -1 to the power of an infinity. */
TG_FN double tg_pow_f64(double x, double y) {
  double p = pow(x, y);
  return y - y != 0 && (x == 1 || x == -1 || y != y) ? TG_NAN_F64 : p;
}
/** exp(y log |x|) in double; negative where x is and y is odd, NaN where a finite x is negative and y is not whole. */
TG_FN float tg_pow_f32(float x, float y) {
  double p = tg_exp_f64((double)y * tg_log_f64(__builtin_fabsf(x))), half = 0.5 * (double)y;
  int whole = __builtin_truncf(y) == y, odd = whole && __builtin_trunc(half) != half;
  float value = (float)(odd && tg_bits_f32(x) >> 31 != 0 ? -p : p);
  value = x < 0 && x > -TG_INF_F32 && !whole ? TG_NAN_F32 : value;
  return y == 0 ? 1 : x != x || y != y ? TG_NAN_F32 : value;
}

TG_FN double tg_hypot_f64(double x, double y) { return hypot(x, y); }
TG_FN float tg_hypot_f32(float x, float y) {
  float h = (float)__builtin_sqrt((double)x * x + (double)y * y);
  return __builtin_fabsf(x) == TG_INF_F32 || __builtin_fabsf(y) == TG_INF_F32 ? TG_INF_F32 : h;
}

TG_FN double tg_cbrt_f64(double x) { return cbrt(x); }
TG_FN float tg_cbrt_f32(float x) { return __builtin_copysignf((float)tg_exp_f64(tg_log_f64(__builtin_fabsf(x)) * (1.0 / 3)), x); }

TG_FN double tg_asinh_f64(double x) { return asinh(x); }
TG_FN double tg_acosh_f64(double x) { return acosh(x); }
TG_FN double tg_atanh_f64(double x) { return atanh(x); }
/** log1p of what e^y is more than 1, without cancellation; the square of a float does not overflow in double. */
TG_FN float tg_asinh_f32(float x) {
  double a = __builtin_fabsf(x), y = tg_log1p_f64(a + a * a / (1 + __builtin_sqrt(a * a + 1)));
  return __builtin_fabsf(x) < TG_INF_F32 ? __builtin_copysignf((float)y, x) : x;
}
TG_FN float tg_acosh_f32(float x) {
  double t = (double)x - 1;
  return x >= 1 ? (float)tg_log1p_f64(t + __builtin_sqrt(t * (t + 2))) : TG_NAN_F32;
}
TG_FN float tg_atanh_f32(float x) {
  double a = __builtin_fabsf(x);
  return __builtin_copysignf((float)(0.5 * tg_log1p_f64(2 * a / (1 - a))), x);
}

#endif
