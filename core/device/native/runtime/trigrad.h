/**
 * What generated code and the runtime share: the thread pool, products, convolutions and routines, and the scalar functions of
 * kernels (vector-math.h). Descriptors are made of 64-bit fields only, so that they can be filled from JavaScript as an
 * array of int64 and baked into generated code as constants. The runtime is one library, loaded with global symbols before any
 * generated one.
 */
#ifndef TRIGRAD_H
#define TRIGRAD_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "vector-math.h"

#define TG_EXPORT __attribute__((visibility("default")))

/* ---- threads (pool.c) ------------------------------------------------------------------------------------------------------ */

/**
 * Calls body(context, chunk) once for every chunk in [0, chunks), on the calling thread and on as many others as are free; returns
 * when all are done. Which thread runs which chunk is not determined. Within a body it runs its chunks one after the other.
 */
TG_EXPORT void tg_parallel(int64_t chunks, void (*body)(void *context, int64_t chunk), void *context);

/** How many threads tg_parallel uses at most, the caller included; at least 1. */
TG_EXPORT void tg_set_threads(int64_t count);
TG_EXPORT int64_t tg_threads(void);

/* ---- memory (memory.c) ----------------------------------------------------------------------------------------------------- */

/** Memory aligned to 64 bytes (large blocks: to huge pages), or null. Contents undefined. */
TG_EXPORT void *tg_allocate(int64_t bytes);
TG_EXPORT void tg_release(void *memory);
/** The bytes of working memory that some call since the last question asked for in vain, or 0. Its results are undefined. */
TG_EXPORT int64_t tg_take_shortage(void);
TG_EXPORT void tg_copy(void *to, const void *from, int64_t bytes);

/* ---- matrix products (gemm.c) ---------------------------------------------------------------------------------------------- */

/**
 * C[b] = op(A[b]) op(B[b]), row-major, for b in [0, batches). op(A) is m x k, op(B) is k x n, C is m x n; `lda` is the distance in
 * elements of two rows of A as it is stored (A is m x k, or k x m where transpose_a), and so on. C overlaps neither A nor B.
 * `offsets` holds three entries per batch, the first elements of A, B and C; null: no batch has an offset. k = 0: C is zeros.
 */
typedef struct {
  int64_t m, n, k;
  int64_t transpose_a, transpose_b;
  int64_t lda, ldb, ldc;
  int64_t batches;
  const int64_t *offsets;
} tg_gemm;

/**
 * Called when the block rows [row0, row1) x columns [column0, column1) of C[batch] is complete, while it is in cache; the blocks of
 * a call cover every C once. Several threads call it at once, for different blocks. May be null.
 */
typedef void (*tg_epilogue)(void *context, int64_t batch, int64_t row0, int64_t row1, int64_t column0, int64_t column1);

TG_EXPORT void tg_gemm_f32(const tg_gemm *shape, const float *a, const float *b, float *c, tg_epilogue epilogue, void *context);
TG_EXPORT void tg_gemm_f64(const tg_gemm *shape, const double *a, const double *b, double *c, tg_epilogue epilogue, void *context);

/* ---- convolutions (convolution.c) ------------------------------------------------------------------------------------------ */

enum { TG_FORWARD = 0, TG_INPUT = 1, TG_WEIGHT = 2 };

/** The fields of ConvolutionLaunch (core/kernel/launch.ts); pairs are height, width. */
typedef struct {
  int64_t product; /* TG_FORWARD, TG_INPUT, TG_WEIGHT */
  int64_t n, groups, c, o;
  int64_t input[2], output[2], kernel[2], stride[2], dilation[2], padding[2];
} tg_convolution;

/**
 * `out` from the two operands in the order of ConvolutionLaunch: (x, w), (y, w) or (x, y). Overlaps neither. The epilogue, of the
 * forward product only, sees y as images x channels x positions.
 */
TG_EXPORT void tg_convolution_f32(const tg_convolution *shape, const float *first, const float *second, float *out, tg_epilogue epilogue,
                                 void *context);
TG_EXPORT void tg_convolution_f64(const tg_convolution *shape, const double *first, const double *second, double *out, tg_epilogue epilogue,
                                 void *context);

/* ---- routines (routines.c) ------------------------------------------------------------------------------------------------- */

enum {
  TG_CHOLESKY = 0,
  TG_TRIANGULAR_SOLVE = 1,
  TG_SOLVE = 2,
  TG_DETERMINANT = 3,
  TG_LOG_DETERMINANT = 4,
  TG_ARGSORT = 5,
  TG_COFACTORS = 6
};

/** The fields of RoutineLaunch (core/kernel/launch.ts). */
typedef struct {
  int64_t routine;
  int64_t batch, n, columns;
  int64_t lower, transpose, descending;
} tg_routine;

/** `b` is null where the routine has one operand. `out` overlaps no operand; it is int32_t for argsort, else of the operands' type. */
TG_EXPORT void tg_routine_f32(const tg_routine *shape, const float *a, const float *b, void *out);
TG_EXPORT void tg_routine_f64(const tg_routine *shape, const double *a, const double *b, void *out);
/** Argsort only. */
TG_EXPORT void tg_routine_i32(const tg_routine *shape, const int32_t *a, const int32_t *b, void *out);

/* ---- OpenBLAS (blas.c) ----------------------------------------------------------------------------------------------------- */

/** Looks for OpenBLAS at `path` (a file, or a name that the loader knows); 1 where it was found and will be used. */
TG_EXPORT int32_t tg_open_blas(const char *path);
/** 0: products and factorisations by the runtime's own code. 1 (as it starts): by OpenBLAS where it is found. */
TG_EXPORT void tg_use_blas(int32_t use);

#endif
