/**
 * OpenBLAS, opened at run time where it is installed. It is told to use one thread, and each thread of the pool calls it for a part
 * of the product: two pools of threads on one machine wait for each other. The parts depend on the shape alone, never on the
 * number of threads, so neither do results.
 */
#include <dlfcn.h>

#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

enum { TG_ROW_MAJOR = 101, TG_AS_IS = 111, TG_TRANSPOSED = 112 };

typedef void (*tg_blas_gemm_f32)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                                 const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*tg_blas_gemm_f64)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
                                 const double *b, int ldb, double beta, double *c, int ldc);

static struct {
  int found, use;
  tg_blas_gemm_f32 gemm_f32;
  tg_blas_gemm_f64 gemm_f64;
} blas = {.use = 1};

int32_t tg_open_blas(const char *path) {
  if (blas.found) return 1;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  blas.gemm_f32 = (tg_blas_gemm_f32)dlsym(library, "cblas_sgemm");
  blas.gemm_f64 = (tg_blas_gemm_f64)dlsym(library, "cblas_dgemm");
  /* Another BLAS has no such function, and threads that cannot be set: it is not used. */
  if (!set_threads || !blas.gemm_f32 || !blas.gemm_f64) return dlclose(library), 0;
  set_threads(1);
  blas.found = 1;
  return 1;
}

void tg_use_blas(int32_t use) { blas.use = use != 0; }
