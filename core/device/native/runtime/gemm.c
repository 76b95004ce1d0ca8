/** Matrix products in f32 and f64: see gemm-tiles.h for the method. */
#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

/** Up to this many multiplications a product is made without packing. */
#define TG_DIRECT_WORK (48.0 * 48 * 48)

/** Fewest multiplications of a chunk: below this a thread more costs what it saves. */
#define TG_CHUNK_WORK 500000

/** A part for OpenBLAS whose sides are shorter is not divided. */
#define TG_BLAS_PART 512
/** Bytes of a part that are still in the cache when OpenBLAS has made it. */
#define TG_BLAS_CACHED (256 * 1024)

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
