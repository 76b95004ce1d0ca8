/**
 * What generated CUDA kernels (core/render/cuda.ts) are written in: types, integer arithmetic that wraps, conversions that saturate,
 * floats as integers of the same order, loads of four elements, and the report of an index out of range. Needs no header of the
 * toolkit. The definition of all arithmetic is core/kernel/javascript.ts; native/runtime/kernel.h is the same in C.
 */
typedef float tg_f32;
typedef double tg_f64;
typedef int tg_i32;
typedef int tg_narrow;
typedef long long tg_wide;
typedef unsigned long long tg_address;

#define TG_FN __device__ __forceinline__

/* nvcc, which checks this text in tests, includes headers of its own accord. */
#ifdef __CUDACC_RTC__
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
#define INT32_MAX 2147483647
#define INT32_MIN (-2147483647 - 1)
#define INT64_MAX 9223372036854775807LL
#define INT64_MIN (-9223372036854775807LL - 1)
#else
#include <cstdint>
#endif

#define TG_INF_F32 __int_as_float(0x7f800000)
#define TG_NAN_F32 __int_as_float(0x7fc00000)
#define TG_INF_F64 __longlong_as_double(0x7ff0000000000000LL)
#define TG_NAN_F64 __longlong_as_double(0x7ff8000000000000LL)

/** x / d for 0 <= x < 2^31, by the multiplier and the shift that the host worked out (core/render/cuda-layout.ts). */
TG_FN int tg_quotient(int x, int multiplier, int shift) {
  return (int)((__umulhi((unsigned)x, (unsigned)multiplier) + (unsigned)x) >> shift);
}

template <class T> struct alignas(16) tg_four { T x[4]; };
template <class T> TG_FN tg_four<T> tg_load_four(const T *p, bool aligned) {
  if (aligned) return *(const tg_four<T> *)p;
  tg_four<T> v;
  for (int e = 0; e < 4; e++) v.x[e] = p[e];
  return v;
}
template <class T> TG_FN void tg_store_four(T *p, const tg_four<T> &v, bool aligned) {
  if (aligned) *(tg_four<T> *)p = v;
  else for (int e = 0; e < 4; e++) p[e] = v.x[e];
}

/**
 * The first cell says whose the others are: launches run in their order, so the first that finds a wrong index owns them until the
 * host has read them. Then one cell a site: its least position, with the index there in the low half. The same whatever the order
 * of threads.
 */
__device__ __noinline__ void tg_report(void *cells, tg_wide owner, int site, int index, tg_wide position) {
  unsigned long long *cell = (unsigned long long *)cells;
  const unsigned long long before = atomicCAS(cell, 0ull, (unsigned long long)owner);
  if (before != 0 && before != (unsigned long long)owner) return;
  const unsigned long long place = position > 0xfffffffeLL ? 0xfffffffeull : (unsigned long long)position;
  atomicMin(cell + 1 + site, place << 32 | (unsigned)index);
}

/* Integers wrap; a division by zero gives 0. */
TG_FN int tg_add_i32(int x, int y) { return (int)((unsigned)x + (unsigned)y); }
TG_FN int tg_sub_i32(int x, int y) { return (int)((unsigned)x - (unsigned)y); }
TG_FN int tg_mul_i32(int x, int y) { return (int)((unsigned)x * (unsigned)y); }
TG_FN int tg_neg_i32(int x) { return (int)(0u - (unsigned)x); }
TG_FN int tg_abs_i32(int x) { return x < 0 ? tg_neg_i32(x) : x; }
TG_FN int tg_sign_i32(int x) { return (x > 0) - (x < 0); }
TG_FN int tg_div_i32(int x, int y) { return y == 0 ? 0 : y == -1 ? tg_neg_i32(x) : x / y; }
TG_FN int tg_rem_i32(int x, int y) { return y == 0 || y == -1 ? 0 : x % y; }
TG_FN int tg_min_i32(int x, int y) { return x < y ? x : y; }
TG_FN int tg_max_i32(int x, int y) { return x > y ? x : y; }
TG_FN int tg_shl_i32(int x, int y) { return (int)((unsigned)x << ((unsigned)y & 31)); }
TG_FN int tg_shr_i32(int x, int y) { return (int)((unsigned)x >> ((unsigned)y & 31)); }

/** Towards zero, saturating; NaN gives 0. */
TG_FN int tg_to_i32_f64(double x) {
  double y = x == x ? x : 0;
  y = y < 2147483647.0 ? y : 2147483647.0;
  y = y > -2147483648.0 ? y : -2147483648.0;
  return (int)y;
}
TG_FN int tg_to_i32_f32(float x) { return tg_to_i32_f64((double)x); }
/** The same as a number, in which a zero has no sign: compilers may make trunc of such a pair of conversions, so it is written out. */
TG_FN double tg_whole_f64(double x) {
  double y = x == x ? x : 0;
  y = y < 2147483647.0 ? y : 2147483647.0;
  y = y > -2147483648.0 ? y : -2147483648.0;
  return trunc(y) + 0.0;
}
TG_FN float tg_whole_f32(float x) {
  float y = x == x ? x : 0;
  y = y < 2147483648.0f ? y : 2147483648.0f;
  y = y > -2147483648.0f ? y : -2147483648.0f;
  return truncf(y) + 0.0f;
}

/** A float as the integer of the same order, -0 before 0; a NaN is `nan`. tg_unkey gives the number back; those two keys are NaNs. */
TG_FN int tg_key_f32(float x, int nan) {
  const int b = __float_as_int(x);
  return x == x ? b ^ ((b >> 31) & 0x7fffffff) : nan;
}
TG_FN float tg_unkey_f32(int key) { return __int_as_float(key ^ ((key >> 31) & 0x7fffffff)); }
TG_FN long long tg_key_f64(double x, long long nan) {
  const long long b = __double_as_longlong(x);
  return x == x ? b ^ ((b >> 63) & INT64_MAX) : nan;
}
TG_FN double tg_unkey_f64(long long key) { return __longlong_as_double(key ^ ((key >> 63) & INT64_MAX)); }
