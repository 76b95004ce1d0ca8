/**
 * The scalar functions of kernels (core/kernel/scalar-expr.ts) in C: tg_<function>_f32 and tg_<function>_f64, with the special
 * values of core/kernel/javascript.ts.
 */
#ifndef TRIGRAD_VECTOR_MATH_H
#define TRIGRAD_VECTOR_MATH_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#define TG_LIBM(name)                                                        \
  static inline float tg_##name##_f32(float x) { return name##f(x); }        \
  static inline double tg_##name##_f64(double x) { return name(x); }
TG_LIBM(floor) TG_LIBM(ceil) TG_LIBM(trunc) TG_LIBM(sqrt)
TG_LIBM(exp) TG_LIBM(expm1) TG_LIBM(log) TG_LIBM(log1p) TG_LIBM(log2) TG_LIBM(log10) TG_LIBM(cbrt)
TG_LIBM(sin) TG_LIBM(cos) TG_LIBM(tan) TG_LIBM(asin) TG_LIBM(acos) TG_LIBM(atan)
TG_LIBM(sinh) TG_LIBM(cosh) TG_LIBM(tanh) TG_LIBM(asinh) TG_LIBM(acosh) TG_LIBM(atanh)
TG_LIBM(erf) TG_LIBM(erfc) TG_LIBM(lgamma)

#define TG_BASIC(type, suffix, c)                                                                                                \
  static inline type tg_abs_##suffix(type x) { return __builtin_fabs##c(x); }                                                   \
  static inline type tg_sign_##suffix(type x) { return x > 0 ? (type)1 : x < 0 ? (type)-1 : x; }                                  \
  static inline type tg_round_##suffix(type x) { type f = tg_floor_##suffix(x), r = x - f >= (type)0.5 ? f + 1 : f; return __builtin_copysign##c(r, x); } \
  static inline type tg_min_##suffix(type x, type y) { return x != x ? x : y != y ? y : x < y ? x : y < x ? y : __builtin_signbit(x) ? x : y; }     \
  static inline type tg_max_##suffix(type x, type y) { return x != x ? x : y != y ? y : x > y ? x : y > x ? y : __builtin_signbit(x) ? y : x; }     \
  static inline type tg_rem_##suffix(type x, type y) { return __builtin_fmod##c(x, y); }                                         \
  static inline type tg_pow_##suffix(type x, type y) { return y != y || ((x == 1 || x == -1) && y - y != 0) ? (type)__builtin_nan("") : __builtin_pow##c(x, y); } \
  static inline type tg_atan2_##suffix(type x, type y) { return __builtin_atan2##c(x, y); }                                      \
  static inline type tg_hypot_##suffix(type x, type y) { return __builtin_hypot##c(x, y); }
TG_BASIC(float, f32, f) TG_BASIC(double, f64, )
double tg_polygamma(double n, double x);
static inline float tg_polygamma_f32(float n, float x) { return (float)tg_polygamma(n, x); }
static inline double tg_polygamma_f64(double n, double x) { return tg_polygamma(n, x); }
#endif
