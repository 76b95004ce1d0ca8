/** Matrix products in f32 and f64: see gemm-tiles.h for the method. */
#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

/** Up to this many multiplications a product is made without packing. */
#define TG_DIRECT_WORK (48.0 * 48 * 48)

/**
 * From this many multiplications on OpenBLAS is asked, for parts of at most so many rows and columns. With vectors of 32 bytes and more
 * it is not: there the tiles reach 0.98 to 1.05 of its rate on one thread, and panels that are packed once for all threads beat parts
 * that each pack their own.
 */
#define TG_BLAS_PAYS (TG_VECTOR_BYTES < 32)
#define TG_BLAS_WORK (400.0 * 400 * 400)
#define TG_BLAS_PART 384

#define T float
#define NAME(x) x##_f32
#include "gemm-tiles.h"
#include "gemm-thin.h"
#define BLAS_GEMM blas.gemm_f32
#include "gemm-blas.h"
#undef BLAS_GEMM
#include "gemm-driver.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "gemm-tiles.h"
#include "gemm-thin.h"
#define BLAS_GEMM blas.gemm_f64
#include "gemm-blas.h"
#undef BLAS_GEMM
#include "gemm-driver.h"
#undef T
#undef NAME
