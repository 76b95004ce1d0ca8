/**
 * Trigonometric functions. In f32 they are computed in double on a reduced argument, branch-free: within 0.51 ulp of the exact
 * value for every float, large ones too, since the reduction multiplies by the bits of 2/π that matter (math-two-over-pi.h). In f64
 * they are the system's.
 */
#ifndef TRIGRAD_MATH_TRIGONOMETRIC_H
#define TRIGRAD_MATH_TRIGONOMETRIC_H

#include <math.h>

#include "math-exp.h"
#include "math-two-over-pi.h"

/**
 * x = (quadrant + r) π/2 with |r| <= ½: gives |r| π/2 with its sign for |x|, and the quadrant mod 4 (in the low bits). Selects whose
 * one side reads the table would make the loads conditional, which vectors cannot: so small x reads zeros and is added instead.
 */
TG_FN double tg_turn_reduce(float x, uint64_t *quadrant) {
  uint32_t bits = tg_bits_f32(x) & 0x7fffffffu;
  int32_t exponent = (int32_t)(bits >> 23);
  int32_t e = exponent < TG_TURN_FIRST ? 0 : exponent > TG_TURN_LAST ? 0 : exponent - TG_TURN_FIRST + 1;
  double m = (double)(int32_t)((bits & 0x7fffffu) | 0x800000u);
  double turns = m * tg_turn_high[e], whole = tg_nearest_f64(turns), rest = (turns - whole) + m * tg_turn_middle[e];
  double again = tg_nearest_f64(rest), r = ((rest - again) + m * tg_turn_low[e]) * 1.5707963267948966;
  *quadrant = tg_bits_f64(whole + again + TG_ROUNDING_F64);
  return r + (exponent < TG_TURN_FIRST ? (double)__builtin_fabsf(x) : 0.0);
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
  return (float)(tg_bits_f32(x) >> 31 != 0 ? -y : y) * (1 + (x - x));
}
TG_FN float tg_cos_f32(float x) {
  uint64_t q;
  double r = tg_turn_reduce(x, &q), s = tg_sin_part(r), c = tg_cos_part(r), y = (q & 1) != 0 ? s : c;
  y = ((q + 1) & 2) != 0 ? -y : y;
  return (float)y * (1 + (x - x));
}
TG_FN float tg_tan_f32(float x) {
  uint64_t q;
  double r = tg_turn_reduce(x, &q), s = tg_sin_part(r), c = tg_cos_part(r), y = (q & 1) != 0 ? -c / s : s / c;
  return (float)(tg_bits_f32(x) >> 31 != 0 ? -y : y) * (1 + (x - x));
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
