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

#define TG_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TG_MAX(a, b) ((a) > (b) ? (a) : (b))
#define TG_CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define TG_INLINE static inline __attribute__((always_inline))

#endif
