/**
 * Trigonometric functions. In f32 they are computed in double on a reduced argument, branch-free: within 0.51 ulp of the exact
 * value for every float, large ones too, since the reduction multiplies by the bits of 2/π that matter. In f64
 * they are the system's.
 */
#ifndef TRIGRAD_MATH_TRIGONOMETRIC_H
#define TRIGRAD_MATH_TRIGONOMETRIC_H

#include <math.h>

#include "math-exp.h"

/**
 * |x| = (quadrant + r) π/2 with |r| <= ½: gives r π/2, and the quadrant mod 4 in the low bits of `quadrant`. With |x| = 2^s y for
 * s in 0, 21, 44, 67, 90 and y below 2^46 and, but for s = 0, whole, |x| 2/π is y times 2^s 2/π, of which only the rest mod 4 counts
 * (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). That constant is in three parts, multiples of 2^-27 and
 * 2^-56 and what is left: y has 24 bits, so its products with the first two are exact in double, and so is what they leave of
 * whole quadrants.
 */
TG_FN double tg_turn_reduce(float x, uint64_t *quadrant) {
  float a = __builtin_fabsf(x);
  double scale = 1, high = 0x1.45f306cp-1, middle = 0x1.c9c882ap-29, low = 0x1.4fe13abe8fa9ap-59;
  /* One after the other: compilers make branches of a chain of choices. */
#define TG_FROM(bound, s, h, m, l) \
  scale = a >= bound ? s : scale;  \
  high = a >= bound ? h : high;    \
  middle = a >= bound ? m : middle; \
  low = a >= bound ? l : low;
  TG_FROM(0x1p44f, 0x1p-21, 0x1.b72722p-2, 0x1.529fc2p-31, 0x1.d5f47d4d37703p-57)
  TG_FROM(0x1p67f, 0x1p-44, 0x1.054a7fp-2, 0x1.3abe8f8p-31, 0x1.4d377036d8a56p-58)
  TG_FROM(0x1p90f, 0x1p-67, 0x1.f09d5f4p1, 0x1.f534ddcp-29, 0x1.b6c52b3278872p-62)
  TG_FROM(0x1p113f, 0x1p-90, 0x1.a3ea69bp1, 0x1.7036d8ap-28, 0x1.5993c439041fep-58)
#undef TG_FROM
  double y = a * scale, p = y * high, q = y * middle;
  double whole = tg_nearest_f64(p), whole_too = tg_nearest_f64(q), rest = (p - whole) + (q - whole_too), last = tg_nearest_f64(rest);
  *quadrant = tg_bits_f64(((whole + whole_too) + last) + TG_ROUNDING_F64);
  return ((rest - last) + y * low) * 1.5707963267948966;
}
/** sin and cos of |r| <= π/4, to 2^-37. */
TG_FN double tg_sin_part(double r) {
  double z = r * r, p = 2.718237812829601e-06;
  TG_STEP(f64, -0.0001983932719849554) TG_STEP(f64, 0.008333329362486807) TG_STEP(f64, -0.16666666641428454)
  return tg_fma_f64(r * z, p, r);
}
TG_FN double tg_cos_part(double r) {
  double z = r * r, p = -2.720955124914014e-07;
  TG_STEP(f64, 2.479951182050871e-05) TG_STEP(f64, -0.0013888883722904953) TG_STEP(f64, 0.0416666666224811)
  return tg_fma_f64(z * z, p, tg_fma_f64(z, -0.5, 1));
}

TG_FN float tg_sin_f32(float x) {
  uint64_t q;
  double r = tg_turn_reduce(x, &q), s = tg_sin_part(r), c = tg_cos_part(r), y = (q & 1) != 0 ? c : s;
  y = (q & 2) != 0 ? -y : y;
  return (float)(tg_bits_f32(x) >> 31 != 0 ? -y : y);
}
TG_FN float tg_cos_f32(float x) {
  uint64_t q;
  double r = tg_turn_reduce(x, &q), s = tg_sin_part(r), c = tg_cos_part(r), y = (q & 1) != 0 ? s : c;
  y = ((q + 1) & 2) != 0 ? -y : y;
  return (float)y;
}
TG_FN float tg_tan_f32(float x) {
  uint64_t q;
  double r = tg_turn_reduce(x, &q), s = tg_sin_part(r), c = tg_cos_part(r), y = (q & 1) != 0 ? -c / s : s / c;
  return (float)(tg_bits_f32(x) >> 31 != 0 ? -y : y);
}

/** atan t for t in [0, 1], to 2^-36. */
TG_FN double tg_atan_part(double t) {
  double z = t * t, p = 0.00044918571873358583;
  TG_STEP(f64, -0.003377174159843991) TG_STEP(f64, 0.011910871920054513) TG_STEP(f64, -0.026745697937314572)
  TG_STEP(f64, 0.04436665958763537) TG_STEP(f64, -0.06068668994584386) TG_STEP(f64, 0.07515374564209548)
  TG_STEP(f64, -0.0905495213008779) TG_STEP(f64, 0.11106369520033589) TG_STEP(f64, -0.14285343334735315)
  TG_STEP(f64, 0.19999985333101772) TG_STEP(f64, -0.33333333130227366)
  return tg_fma_f64(t * z, p, t);
}
/** The angle of the point (x, y), both >= 0 or NaN; 0 for (0, 0). */
TG_FN double tg_angle(double y, double x) {
  double low = y > x ? x : y, high = y > x ? y : x, t = high == 0 ? 0 : low == high ? 1 : low / high, p = tg_atan_part(t);
  return x != x || y != y ? TG_NAN_F64 : y > x ? 1.5707963267948966 - p : p;
}
TG_FN float tg_atan2_f32(float y, float x) {
  double p = tg_angle(__builtin_fabsf(y), __builtin_fabsf(x));
  return __builtin_copysignf((float)(tg_bits_f32(x) >> 31 != 0 ? 3.141592653589793 - p : p), y);
}
TG_FN float tg_atan_f32(float x) { return __builtin_copysignf((float)tg_angle(__builtin_fabsf(x), 1), x); }
TG_FN float tg_asin_f32(float x) {
  double a = __builtin_fabsf(x);
  return __builtin_copysignf((float)tg_angle(a, __builtin_sqrt((1 - a) * (1 + a))), x);
}
TG_FN float tg_acos_f32(float x) {
  double a = __builtin_fabsf(x), p = tg_angle(__builtin_sqrt((1 - a) * (1 + a)), a);
  return (float)(x < 0 ? 3.141592653589793 - p : p);
}

TG_FN double tg_sin_f64(double x) { return sin(x); }
TG_FN double tg_cos_f64(double x) { return cos(x); }
TG_FN double tg_tan_f64(double x) { return tan(x); }
TG_FN double tg_asin_f64(double x) { return asin(x); }
TG_FN double tg_acos_f64(double x) { return acos(x); }
TG_FN double tg_atan_f64(double x) { return atan(x); }
TG_FN double tg_atan2_f64(double y, double x) { return atan2(y, x); }

#endif
