// The mathematics of CUDA's device library, by the C library of the host: correct to other last bits than a GPU's. Conversions saturate and
// take NaN to 0, as the hardware's do; a plain C cast out of range is caught instead (sanitizer.h), since C does not define it.
#pragma once

#define FAKE_MATH_1(name)                \
  extern "C" double name(double);        \
  extern "C" float name##f(float);       \
  static inline float name(float x) { return name##f(x); }
#define FAKE_MATH_2(name)                     \
  extern "C" double name(double, double);     \
  extern "C" float name##f(float, float);     \
  static inline float name(float x, float y) { return name##f(x, y); }

FAKE_MATH_1(exp) FAKE_MATH_1(exp2) FAKE_MATH_1(exp10) FAKE_MATH_1(expm1) FAKE_MATH_1(log) FAKE_MATH_1(log2) FAKE_MATH_1(log10)
FAKE_MATH_1(log1p) FAKE_MATH_1(logb) FAKE_MATH_1(sin) FAKE_MATH_1(cos) FAKE_MATH_1(tan) FAKE_MATH_1(asin) FAKE_MATH_1(acos)
FAKE_MATH_1(atan) FAKE_MATH_1(sinh) FAKE_MATH_1(cosh) FAKE_MATH_1(tanh) FAKE_MATH_1(asinh) FAKE_MATH_1(acosh) FAKE_MATH_1(atanh)
FAKE_MATH_1(sqrt) FAKE_MATH_1(cbrt) FAKE_MATH_1(erf) FAKE_MATH_1(erfc) FAKE_MATH_1(lgamma) FAKE_MATH_1(tgamma) FAKE_MATH_1(floor)
FAKE_MATH_1(ceil) FAKE_MATH_1(trunc) FAKE_MATH_1(round) FAKE_MATH_1(rint) FAKE_MATH_1(nearbyint) FAKE_MATH_1(fabs)
FAKE_MATH_2(pow) FAKE_MATH_2(atan2) FAKE_MATH_2(fmod) FAKE_MATH_2(fmin) FAKE_MATH_2(fmax) FAKE_MATH_2(hypot) FAKE_MATH_2(copysign)
FAKE_MATH_2(remainder) FAKE_MATH_2(fdim) FAKE_MATH_2(nextafter)

extern "C" double fma(double, double, double);
extern "C" float fmaf(float, float, float);
static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
extern "C" double ldexp(double, int);
extern "C" float ldexpf(float, int);
static inline float ldexp(float x, int n) { return ldexpf(x, n); }
extern "C" double scalbn(double, int);
extern "C" float scalbnf(float, int);
extern "C" double frexp(double, int *);
extern "C" float frexpf(float, int *);
extern "C" double modf(double, double *);
extern "C" float modff(float, float *);
static inline void sincos(double x, double *s, double *c) { *s = sin(x), *c = cos(x); }
static inline void sincosf(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
static inline float rsqrtf(float x) { return (float)(1.0 / sqrt((double)x)); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }

static inline bool isnan(float x) { return x != x; }
static inline bool isnan(double x) { return x != x; }
static inline bool isinf(float x) { return __builtin_isinf(x); }
static inline bool isinf(double x) { return __builtin_isinf(x); }
static inline bool isfinite(float x) { return __builtin_isfinite(x); }
static inline bool isfinite(double x) { return __builtin_isfinite(x); }
static inline bool signbit(float x) { return __builtin_signbit(x); }
static inline bool signbit(double x) { return __builtin_signbit(x); }

extern "C" int abs(int);
static inline long long abs(long long x) { return x < 0 ? -x : x; }
static inline long long llabs(long long x) { return x < 0 ? -x : x; }
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }

#define FAKE_MIN_MAX(T)                                          \
  static inline T min(T x, T y) { return y < x ? y : x; }        \
  static inline T max(T x, T y) { return x < y ? y : x; }
FAKE_MIN_MAX(int)
FAKE_MIN_MAX(unsigned)
FAKE_MIN_MAX(long)
FAKE_MIN_MAX(unsigned long)
FAKE_MIN_MAX(long long)
FAKE_MIN_MAX(unsigned long long)
static inline float min(float x, float y) { return fminf(x, y); }
static inline float max(float x, float y) { return fmaxf(x, y); }
static inline double min(double x, double y) { return fmin(x, y); }
static inline double max(double x, double y) { return fmax(x, y); }

// ---- bits

template <class To, class From> static inline To __fake_bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  __builtin_memcpy(&y, &x, sizeof y);
  return y;
}
static inline int __float_as_int(float x) { return __fake_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return __fake_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return __fake_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return __fake_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return __fake_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return __fake_bits<double>(x); }
static inline int __double2hiint(double x) { return (int)(__fake_bits<unsigned long long>(x) >> 32); }
static inline int __double2loint(double x) { return (int)(unsigned)__fake_bits<unsigned long long>(x); }
static inline double __hiloint2double(int hi, int lo) {
  return __fake_bits<double>((unsigned long long)(unsigned)hi << 32 | (unsigned)lo);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
static inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; i++) y |= (x >> i & 1u) << (31 - i);
  return y;
}
static inline int __mulhi(int x, int y) { return (int)((long long)x * y >> 32); }
static inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return (unsigned long long)((unsigned __int128)x * y >> 64);
}
static inline long long __mul64hi(long long x, long long y) { return (long long)((__int128)x * y >> 64); }
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) << (n & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) >> (n & 31));
}

// ---- conversions and arithmetic with a rounding mode

template <class I, class F> static inline I __fake_saturate(F x) {
  const I least = (I)((I)-1 < 0 ? (I)1 << (sizeof(I) * 8 - 1) : 0), most = (I)~least;
  if (x != x) return sizeof(I) == 8 && (I)-1 < 0 ? least : (I)0;
  if (x <= (F)least) return least;
  if (x >= (F)most) return most;
  return (I)x;
}
#define FAKE_CONVERT(from, F, to, I)                                                                           \
  static inline I __##from##2##to##_rz(F x) { return __fake_saturate<I>(trunc(x)); }                           \
  static inline I __##from##2##to##_rn(F x) { return __fake_saturate<I>(rint(x)); }                            \
  static inline I __##from##2##to##_rd(F x) { return __fake_saturate<I>(floor(x)); }                           \
  static inline I __##from##2##to##_ru(F x) { return __fake_saturate<I>(ceil(x)); }
FAKE_CONVERT(float, float, int, int)
FAKE_CONVERT(float, float, uint, unsigned)
FAKE_CONVERT(float, float, ll, long long)
FAKE_CONVERT(double, double, int, int)
FAKE_CONVERT(double, double, uint, unsigned)
FAKE_CONVERT(double, double, ll, long long)
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline double __int2double_rn(int x) { return (double)x; }
static inline double __uint2double_rn(unsigned x) { return (double)x; }
static inline float __double2float_rn(double x) { return (float)x; }

#define FAKE_NEAREST(prefix, T, root)                                                                          \
  __attribute__((noinline)) static T __##prefix##mul_rn(T x, T y) { return x * y; }                            \
  __attribute__((noinline)) static T __##prefix##add_rn(T x, T y) { return x + y; }                            \
  __attribute__((noinline)) static T __##prefix##sub_rn(T x, T y) { return x - y; }
FAKE_NEAREST(f, float, sqrtf)
FAKE_NEAREST(d, double, sqrt)
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline double __drcp_rn(double x) { return 1.0 / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline float __frsqrt_rn(float x) { return rsqrtf(x); }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
static inline float __saturatef(float x) { return x != x ? 0.0f : fminf(fmaxf(x, 0.0f), 1.0f); }

// Fast approximations, here exact: glibc declares names such as __expf, so they are macros.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
static inline float __fdividef(float x, float y) { return x / y; }
