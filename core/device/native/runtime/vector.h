/**
 * Vectors of the CPU's width by the compilers' vector extension, and the shape of the register tile of products: TG_ROWS rows by
 * TG_VECTORS vectors of accumulators, as many as the registers hold beside one row of B and a broadcast element of A.
 */
#ifndef TRIGRAD_VECTOR_H
#define TRIGRAD_VECTOR_H

#if defined(__AVX512F__)
#define TG_VECTOR_BYTES 64
#define TG_ROWS 12
#define TG_VECTORS 2
#elif defined(__AVX__)
#define TG_VECTOR_BYTES 32
#define TG_ROWS 6
#define TG_VECTORS 2
#elif defined(__aarch64__)
#define TG_VECTOR_BYTES 16
#define TG_ROWS 8
#define TG_VECTORS 3
#else
#define TG_VECTOR_BYTES 16
#define TG_ROWS 4
#define TG_VECTORS 2
#endif

/** The cases of a switch over the number of rows of a tile, for whatever TG_CASE is at the place of use. */
#if TG_ROWS == 4
#define TG_ROW_CASES TG_CASE(1) TG_CASE(2) TG_CASE(3) TG_CASE(4)
#elif TG_ROWS == 6
#define TG_ROW_CASES TG_CASE(1) TG_CASE(2) TG_CASE(3) TG_CASE(4) TG_CASE(5) TG_CASE(6)
#elif TG_ROWS == 8
#define TG_ROW_CASES TG_CASE(1) TG_CASE(2) TG_CASE(3) TG_CASE(4) TG_CASE(5) TG_CASE(6) TG_CASE(7) TG_CASE(8)
#else
#define TG_ROW_CASES                                                                                                          \
  TG_CASE(1) TG_CASE(2) TG_CASE(3) TG_CASE(4) TG_CASE(5) TG_CASE(6) TG_CASE(7) TG_CASE(8) TG_CASE(9) TG_CASE(10) TG_CASE(11) TG_CASE(12)
#endif

#define TG_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TG_MAX(a, b) ((a) > (b) ? (a) : (b))
#define TG_CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define TG_INLINE static inline __attribute__((always_inline))

#endif
