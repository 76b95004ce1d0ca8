/**
 * What generated kernels (core/render/c.ts) are written in: the numbers of a launch, the split of its work among threads, integer
 * arithmetic that wraps, conversions that saturate, and floats as integers of the same order, by which extremes are folded.
 */
#ifndef TRIGRAD_KERNEL_H
#define TRIGRAD_KERNEL_H

#include "trigrad.h"

typedef float tg_f32;
typedef double tg_f64;
typedef int32_t tg_i32;

#define TG_KERNEL static inline __attribute__((always_inline))

/**
 * The numbers of a launch begin with these words (core/render/c-layout.ts); extents, strides and bounds of indices follow.
 * `split` is the axis that chunks of length `grain` divide, -1 where there is one chunk. `points`: outer points, where the first
 * reduced axis is split, else 0. `error`: where the first index out of range is reported: site + 1, the index, the position.
 */
enum { TG_CHUNKS, TG_SPLIT, TG_GRAIN, TG_POINTS, TG_ERROR, TG_WORDS };

/** How a split fold is run: whole; one chunk of it, whose result goes to `state`; or the results of all chunks joined. */
enum { TG_WHOLE, TG_PART, TG_JOIN };

typedef struct {
  void *const *p;
  const int64_t *n;
  char *state;
} tg_launch;

/** The bounds of every axis for one chunk: begin and end, alternating. */
TG_KERNEL void tg_box(const int64_t *n, int rank, int64_t chunk, int64_t *box) {
  for (int a = 0; a < rank; a++) box[2 * a] = 0, box[2 * a + 1] = n[TG_WORDS + a];
  int64_t split = n[TG_SPLIT];
  if (split < 0) return;
  int64_t begin = chunk * n[TG_GRAIN], end = begin + n[TG_GRAIN];
  box[2 * split] = begin;
  if (end < box[2 * split + 1]) box[2 * split + 1] = end;
}

/** Reports an index out of range: `at` of site number `site` at the position of `level` coordinates. */
static __attribute__((noinline, unused)) void tg_report(const int64_t *n, int site, int32_t at, int level, const int64_t *position) {
  int64_t *cell = (int64_t *)(intptr_t)n[TG_ERROR];
  if (cell[0] != 0) return;
  cell[0] = site + 1;
  cell[1] = at;
  for (int a = 0; a < level; a++) cell[2 + a] = position[a];
}

/* Integers wrap; a division by zero gives 0. */
TG_KERNEL int32_t tg_add_i32(int32_t x, int32_t y) { return (int32_t)((uint32_t)x + (uint32_t)y); }
TG_KERNEL int32_t tg_sub_i32(int32_t x, int32_t y) { return (int32_t)((uint32_t)x - (uint32_t)y); }
TG_KERNEL int32_t tg_mul_i32(int32_t x, int32_t y) { return (int32_t)((uint32_t)x * (uint32_t)y); }
TG_KERNEL int32_t tg_neg_i32(int32_t x) { return (int32_t)(0u - (uint32_t)x); }
TG_KERNEL int32_t tg_abs_i32(int32_t x) { return x < 0 ? tg_neg_i32(x) : x; }
TG_KERNEL int32_t tg_sign_i32(int32_t x) { return (x > 0) - (x < 0); }
TG_KERNEL int32_t tg_div_i32(int32_t x, int32_t y) { return y == 0 ? 0 : y == -1 ? tg_neg_i32(x) : x / y; }
TG_KERNEL int32_t tg_rem_i32(int32_t x, int32_t y) { return y == 0 || y == -1 ? 0 : x % y; }
TG_KERNEL int32_t tg_min_i32(int32_t x, int32_t y) { return x < y ? x : y; }
TG_KERNEL int32_t tg_max_i32(int32_t x, int32_t y) { return x > y ? x : y; }
TG_KERNEL int32_t tg_shl_i32(int32_t x, int32_t y) { return (int32_t)((uint32_t)x << ((uint32_t)y & 31)); }
TG_KERNEL int32_t tg_shr_i32(int32_t x, int32_t y) { return (int32_t)((uint32_t)x >> ((uint32_t)y & 31)); }

/** Towards zero, saturating; NaN gives 0. */
TG_KERNEL int32_t tg_to_i32_f64(double x) {
  double y = x == x ? x : 0;
  y = y < 2147483647.0 ? y : 2147483647.0;
  y = y > -2147483648.0 ? y : -2147483648.0;
  return (int32_t)y;
}
TG_KERNEL int32_t tg_to_i32_f32(float x) {
  float y = x == x ? x : 0;
  y = y < 2147483520.0f ? y : 2147483520.0f;
  y = y > -2147483648.0f ? y : -2147483648.0f;
  return x >= 2147483648.0f ? 2147483647 : (int32_t)y;
}

/** An integer as a float. Of one that was the whole part of a float GCC 12 makes trunc, by which a zero may be -0. */
TG_KERNEL double tg_whole_f64(int32_t x) { return x == 0 ? 0.0 : (double)x; }
TG_KERNEL float tg_whole_f32(int32_t x) { return x == 0 ? 0.0f : (float)x; }

/**
 * Keys: a float as the integer of the same order, -0 before 0. A NaN is beyond every number, on the side that wins (`top`: the
 * largest key, else the smallest). tg_unkey gives the number back; those two keys are NaNs.
 */
TG_KERNEL int32_t tg_key_f32(float x, int32_t nan) {
  int32_t b;
  memcpy(&b, &x, 4);
  return x == x ? b ^ ((b >> 31) & 0x7fffffff) : nan;
}
/** The same, but for NaN, whose bits end beyond those of the infinity of its sign. */
TG_KERNEL int32_t tg_raw_key_f32(float x) {
  int32_t b;
  memcpy(&b, &x, 4);
  return b ^ (int32_t)((uint32_t)(b >> 31) >> 1);
}
TG_KERNEL float tg_unkey_f32(int32_t key) {
  int32_t b = key ^ ((key >> 31) & 0x7fffffff);
  float x;
  memcpy(&x, &b, 4);
  return x;
}
TG_KERNEL int64_t tg_key_f64(double x, int64_t nan) {
  int64_t b;
  memcpy(&b, &x, 8);
  return x == x ? b ^ ((b >> 63) & INT64_MAX) : nan;
}
TG_KERNEL double tg_unkey_f64(int64_t key) {
  int64_t b = key ^ ((key >> 63) & INT64_MAX);
  double x;
  memcpy(&x, &b, 8);
  return x;
}

#endif
