/**
 * exp, log and what is made of them, in f32 and f64: branch-free, so that compilers turn loops over them into vector code. The
 * method is Cody and Waite's ("Software manual for the elementary functions", 1980): an argument reduction that is exact in two
 * parts, then a polynomial on a small interval. Coefficients are minimax fits by the Remez exchange in 66-digit arithmetic.
 */
#ifndef TRIGRAD_MATH_EXP_H
#define TRIGRAD_MATH_EXP_H

#include <stdint.h>
#include <string.h>

#define TG_FN static inline __attribute__((always_inline))

/* a * b + c, in one rounding where the CPU does so in one instruction. */
#if defined(__FMA__) || defined(__aarch64__)
TG_FN float tg_fma_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
TG_FN double tg_fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
TG_FN float tg_fma_f32(float a, float b, float c) { return a * b + c; }
TG_FN double tg_fma_f64(double a, double b, double c) { return a * b + c; }
#endif

TG_FN uint32_t tg_bits_f32(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
TG_FN float tg_from_bits_f32(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
TG_FN uint64_t tg_bits_f64(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
TG_FN double tg_from_bits_f64(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

#define TG_INF_F32 __builtin_inff()
#define TG_NAN_F32 __builtin_nanf("")
#define TG_INF_F64 __builtin_inf()
#define TG_NAN_F64 __builtin_nan("")

/** Horner's rule in z, highest power first: `p` ends as the value. One step is an FMA. */
#define TG_STEP(suffix, c) p = tg_fma_##suffix(p, z, c);

/* Adding it to a small number leaves that number, rounded to an integer, in the low bits of the sum. */
#define TG_ROUNDING_F32 12582912.0f
#define TG_ROUNDING_F64 6755399441055744.0

/** The nearest integer to a small number. */
TG_FN double tg_nearest_f64(double x) { return (x + TG_ROUNDING_F64) - TG_ROUNDING_F64; }
/** 2^n for a whole n in the range of normal numbers. */
TG_FN float tg_power_of_two_f32(float n) { return tg_from_bits_f32((tg_bits_f32(n + TG_ROUNDING_F32) << 23) + 0x3f800000u); }
TG_FN double tg_power_of_two_f64(double n) {
  return tg_from_bits_f64((tg_bits_f64(n + TG_ROUNDING_F64) << 52) + 0x3ff0000000000000u);
}

/**
 * x = n ln 2 + r with |r| <= ½ ln 2; returns e^r - 1 and gives n. NaN stays NaN. In f32, of |x| < 10^6, n stands in the low 9 bits of
 * what is given, where a shift to the exponent finds it; f64 clamps x to [low, high] and gives the number.
 */
TG_FN float tg_exp_reduce_f32(float x, uint32_t *n) {
  float sum = tg_fma_f32(x, 1.44269504f, TG_ROUNDING_F32), whole = sum - TG_ROUNDING_F32;
  *n = tg_bits_f32(sum);
  float z = tg_fma_f32(whole, -1.4286068e-06f, tg_fma_f32(whole, -0.693145751953125f, x)), p = 0.00019918452f;
  TG_STEP(f32, 0.0013946177f) TG_STEP(f32, 0.008333264f) TG_STEP(f32, 0.04166627f) TG_STEP(f32, 0.16666667f) TG_STEP(f32, 0.5f)
  return tg_fma_f32(z * z, p, z);
}
TG_FN double tg_exp_reduce_f64(double x, double low, double high, double *n) {
  x = x < low ? low : x > high ? high : x;
  *n = tg_nearest_f64(x * 1.4426950408889634);
  double z = tg_fma_f64(*n, -5.497923018708371e-14, tg_fma_f64(*n, -0.6931471805598903, x)), p = 2.5117893222150956e-08;
  TG_STEP(f64, 2.763128072396243e-07) TG_STEP(f64, 2.7557216193028082e-06) TG_STEP(f64, 2.480148994142492e-05)
  TG_STEP(f64, 0.00019841269917509537) TG_STEP(f64, 0.0013888888947016199) TG_STEP(f64, 0.008333333333307148)
  TG_STEP(f64, 0.04166666666651542) TG_STEP(f64, 0.166666666666667) TG_STEP(f64, 0.5000000000000012)
  return tg_fma_f64(z * z, p, z);
}

/** 2^n from the low 9 bits of n, in the range of normal numbers. */
TG_FN float tg_exponent_f32(uint32_t n) { return tg_from_bits_f32((n << 23) + 0x3f800000u); }

/** e^x 2^shift. The power of two is applied in two steps, so results reach infinity and the denormals with one rounding. */
TG_FN double tg_exp_shifted_f64(double x, double shift) {
  double n, p = tg_exp_reduce_f64(x, -746, 711, &n) + 1, half = tg_nearest_f64(n * 0.5);
  return p * tg_power_of_two_f64(half) * tg_power_of_two_f64(n - half + shift);
}
/**
 * At most 1 ulp. In f32 too the power of two is applied in two steps; results of arguments that are out of range are selected in the
 * end, which is cheaper than clamping arguments.
 */
TG_FN float tg_exp_f32(float x) {
  uint32_t n;
  float p = tg_exp_reduce_f32(x, &n) + 1;
  uint32_t half = (uint32_t)((int32_t)n >> 1);
  p = p * tg_exponent_f32(half) * tg_exponent_f32(n - half);
  p = x < -104.5f ? 0 : p;
  return x > 89.5f ? TG_INF_F32 : p;
}
TG_FN double tg_exp_f64(double x) { return tg_exp_shifted_f64(x, 0); }

/** e^x - 1 = 2 (p s + (s - ½)) with s = 2^(n-1), p = e^r - 1; tiny x is its own result. At most 1.5 ulp. */
TG_FN float tg_expm1_f32(float x) {
  uint32_t n;
  float c = x < -30 ? -30 : x;
  c = c > 88.8f ? 88.8f : c;
  float p = tg_exp_reduce_f32(c, &n), s = tg_exponent_f32(n - 1);
  float y = 2 * tg_fma_f32(p, s, s - 0.5f);
  return __builtin_fabsf(x) < 1e-9f ? x : y;
}
TG_FN double tg_expm1_f64(double x) {
  double n, p = tg_exp_reduce_f64(x, -60, 709.9, &n), s = tg_power_of_two_f64(n - 1);
  double y = 2 * tg_fma_f64(p, s, s - 0.5);
  return __builtin_fabs(x) < 1e-18 ? x : y;
}

/** x = 2^e m with m in [√½, √2); returns m and gives e. Denormals too; zero, negative numbers and NaN give nonsense. */
TG_FN float tg_log_reduce_f32(float x, float *e) {
  int tiny = x < 1.17549435e-38f;
  uint32_t u = tg_bits_f32(tiny ? x * 33554432.0f : x) + (0x3f800000u - 0x3f3504f3u);
  *e = (float)(int32_t)(u >> 23) - (tiny ? 152.0f : 127.0f);
  return tg_from_bits_f32((u & 0x7fffffu) + 0x3f3504f3u);
}
TG_FN double tg_log_reduce_f64(double x, double *e) {
  int tiny = x < 2.2250738585072014e-308;
  uint64_t u = tg_bits_f64(tiny ? x * 18014398509481984.0 : x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  /* The exponent in the low bits of 2^52, since vectors of 64-bit integers have no conversion. */
  *e = tg_from_bits_f64((u >> 52) | 0x4330000000000000u) - (tiny ? 4503599627370496.0 + 1077 : 4503599627370496.0 + 1023);
  return tg_from_bits_f64((u & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
}

/** log(1 + f) - f for f in [√½ - 1, √2 - 1]. In f64 by s = f / (2 + f): log(1 + f) = 2 atanh s. */
TG_FN float tg_log_tail_f32(float z) {
  float p = 0.06915392726659775f;
  TG_STEP(f32, -0.11789791285991669f) TG_STEP(f32, 0.11872956901788712f) TG_STEP(f32, -0.12384350597858429f)
  TG_STEP(f32, 0.14218661189079285f) TG_STEP(f32, -0.16669251024723053f) TG_STEP(f32, 0.20002226531505585f)
  TG_STEP(f32, -0.24999986588954926f) TG_STEP(f32, 0.3333331048488617f)
  return z * z * tg_fma_f32(z, p, -0.5f);
}
TG_FN double tg_log_tail_f64(double f) {
  double s = f / (2 + f), z = s * s, p = 0.14797508217516278, h = 0.5 * f * f;
  TG_STEP(f64, 0.1531390330949919) TG_STEP(f64, 0.18183569732552068) TG_STEP(f64, 0.22222198476224617)
  TG_STEP(f64, 0.285714287432593) TG_STEP(f64, 0.3999999999941111) TG_STEP(f64, 0.6666666666666735)
  return s * tg_fma_f64(z, p, h) - h;
}
/** e ln 2 + log(1 + f). */
TG_FN float tg_log_join_f32(float e, float f) {
  return tg_fma_f32(e, 0.693145751953125f, f + tg_fma_f32(e, 1.4286068e-06f, tg_log_tail_f32(f)));
}
TG_FN double tg_log_join_f64(double e, double f) {
  return tg_fma_f64(e, 0.6931471805598903, f + tg_fma_f64(e, 5.497923018708371e-14, tg_log_tail_f64(f)));
}
/** What logarithms are where their argument (x + 1 for log1p) is not a positive number, `y` elsewhere. */
TG_FN float tg_log_special_f32(float x, float least, float y) {
  return x > least ? (x < TG_INF_F32 ? y : x) : x == least ? -TG_INF_F32 : TG_NAN_F32;
}
TG_FN double tg_log_special_f64(double x, double least, double y) {
  return x > least ? (x < TG_INF_F64 ? y : x) : x == least ? -TG_INF_F64 : TG_NAN_F64;
}

/** At most 1 ulp. */
TG_FN float tg_log_f32(float x) {
  float e, m = tg_log_reduce_f32(x, &e);
  return tg_log_special_f32(x, 0, tg_log_join_f32(e, m - 1));
}
TG_FN double tg_log_f64(double x) {
  double e, m = tg_log_reduce_f64(x, &e);
  return tg_log_special_f64(x, 0, tg_log_join_f64(e, m - 1));
}

/** log(1 + x): what rounding 1 + x to u lost, scaled like u, is added to f. At most 1.5 ulp. */
TG_FN float tg_log1p_f32(float x) {
  float u = 1 + x, v = u - x, lost = (x - (u - v)) + (1 - v), e, m = tg_log_reduce_f32(u, &e);
  float y = tg_log_join_f32(e, (m - 1) + lost * tg_power_of_two_f32(e > 126 ? -126 : -e));
  y = x == 0 ? x : y;
  return tg_log_special_f32(x, -1, y);
}
TG_FN double tg_log1p_f64(double x) {
  double u = 1 + x, v = u - x, lost = (x - (u - v)) + (1 - v), e, m = tg_log_reduce_f64(u, &e);
  double y = tg_log_join_f64(e, (m - 1) + lost * tg_power_of_two_f64(e > 1022 ? -1022 : -e));
  y = x == 0 ? x : y;
  return tg_log_special_f64(x, -1, y);
}

/** e + log2 m, so that powers of two are exact. At most 2 ulp. */
TG_FN double tg_log2_f64(double x) {
  double e, f = tg_log_reduce_f64(x, &e) - 1, tail = tg_log_tail_f64(f);
  double y = e + tg_fma_f64(f, 1.4426950408889634, tg_fma_f64(tail, 1.4426950408889634, (f + tail) * 2.0355273740931033e-17));
  return tg_log_special_f64(x, 0, y);
}
/** e log10 2 in two parts (the first times e is exact) + log10 m. At most 2 ulp. */
TG_FN double tg_log10_f64(double x) {
  double e, f = tg_log_reduce_f64(x, &e) - 1, tail = tg_log_tail_f64(f);
  double y = tg_fma_f64(f, 0.4342944819032518, tg_fma_f64(tail, 0.4342944819032518, (f + tail) * 1.098319650216765e-17));
  return tg_log_special_f64(x, 0, tg_fma_f64(e, 0.30102999566383914, y + e * 1.42050232272661e-13));
}
TG_FN float tg_log2_f32(float x) { return (float)tg_log2_f64(x); }
TG_FN float tg_log10_f32(float x) { return (float)tg_log10_f64(x); }

/** (e^2a - 1) / (e^2a + 1), with the sign of x. At most 2.5 ulp. In f32 e^2a is far from overflow, and needs no second step. */
TG_FN float tg_tanh_f32(float x) {
  uint32_t n;
  float a = __builtin_fabsf(x), p = tg_exp_reduce_f32(2 * (a > 10 ? 10 : a), &n), s = tg_exponent_f32(n), t = tg_fma_f32(p, s, s - 1);
  return __builtin_copysignf(t / (t + 2), x);
}
TG_FN double tg_tanh_f64(double x) {
  double a = __builtin_fabs(x), t = tg_expm1_f64(2 * (a > 20 ? 20 : a));
  return x != x ? x : __builtin_copysign(t / (t + 2), x);
}

/** With E = ½ e^a: cosh is E + ¼ / E and sinh E - ¼ / E, or by expm1 where that would cancel. At most 2.5 ulp. */
TG_FN double tg_cosh_f64(double x) {
  double e = tg_exp_shifted_f64(__builtin_fabs(x), -1);
  return e + 0.25 / e;
}
TG_FN double tg_sinh_f64(double x) {
  double a = __builtin_fabs(x), t = tg_expm1_f64(a > 1 ? 1 : a), e = tg_exp_shifted_f64(a, -1);
  return __builtin_copysign(a > 1 ? e - 0.25 / e : 0.5 * (t + t / (t + 1)), x);
}
TG_FN float tg_cosh_f32(float x) { return (float)tg_cosh_f64(x); }
TG_FN float tg_sinh_f32(float x) { return (float)tg_sinh_f64(x); }

#endif
