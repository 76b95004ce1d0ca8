/**
 * OpenBLAS and its LAPACK, opened at run time where it is installed. It is told to use one thread, and each thread of the pool calls it
 * for a part of the product: two pools of threads on one machine wait for each other. The parts depend on the shape and the machine,
 * never on the number of threads, so neither do results.
 */
#include <dlfcn.h>
#include <unistd.h>

#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

enum { TG_ROW_MAJOR = 101, TG_AS_IS = 111, TG_TRANSPOSED = 112, TG_UPPER = 121, TG_LOWER = 122, TG_NOT_UNIT = 131, TG_UNIT = 132,
       TG_LEFT = 141, TG_RIGHT = 142 };

typedef void (*tg_blas_gemm_f32)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                                 const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*tg_blas_gemm_f64)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
                                 const double *b, int ldb, double beta, double *c, int ldc);

typedef void (*tg_blas_trsm_f32)(int order, int side, int triangle, int transpose, int unit, int m, int n, float alpha, const float *a,
                                 int lda, float *b, int ldb);
typedef void (*tg_blas_trsm_f64)(int order, int side, int triangle, int transpose, int unit, int m, int n, double alpha, const double *a,
                                 int lda, double *b, int ldb);
/* Fortran: by columns, everything by address, the length of a string last. */
typedef void (*tg_blas_potrf_f32)(const char *triangle, const int *n, float *a, const int *lda, int *info, size_t length);
typedef void (*tg_blas_potrf_f64)(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t length);
typedef void (*tg_blas_getrf_f32)(const int *m, const int *n, float *a, const int *lda, int *exchanges, int *info);
typedef void (*tg_blas_getrf_f64)(const int *m, const int *n, double *a, const int *lda, int *exchanges, int *info);

static struct {
  int found, in_use;
  /** Of a product at most: two for each processor of the machine, whatever number of threads there are. */
  int64_t parts;
  tg_blas_gemm_f32 gemm_f32;
  tg_blas_gemm_f64 gemm_f64;
  /* Null where the library was built without LAPACK. */
  tg_blas_trsm_f32 trsm_f32;
  tg_blas_trsm_f64 trsm_f64;
  tg_blas_potrf_f32 potrf_f32;
  tg_blas_potrf_f64 potrf_f64;
  tg_blas_getrf_f32 getrf_f32;
  tg_blas_getrf_f64 getrf_f64;
} blas;

/** Whether several threads may call it at once: a build for one thread must say that it locks what they share. */
static int is_shareable(void *library) {
  int (*parallel)(void) = (int (*)(void))dlsym(library, "openblas_get_parallel");
  const char *(*build)(void) = (const char *(*)(void))dlsym(library, "openblas_get_config");
  return !parallel || parallel() != 0 || (build && strstr(build(), "USE_LOCKING"));
}

int32_t tg_open_blas(const char *path) {
  if (blas.found) return 1;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  blas.gemm_f32 = (tg_blas_gemm_f32)dlsym(library, "cblas_sgemm");
  blas.gemm_f64 = (tg_blas_gemm_f64)dlsym(library, "cblas_dgemm");
  /* Another BLAS has no such function, and threads that cannot be set: it is not used. */
  if (!set_threads || !blas.gemm_f32 || !blas.gemm_f64 || !is_shareable(library)) return dlclose(library), 0;
  blas.trsm_f32 = (tg_blas_trsm_f32)dlsym(library, "cblas_strsm");
  blas.trsm_f64 = (tg_blas_trsm_f64)dlsym(library, "cblas_dtrsm");
  blas.potrf_f32 = (tg_blas_potrf_f32)dlsym(library, "spotrf_");
  blas.potrf_f64 = (tg_blas_potrf_f64)dlsym(library, "dpotrf_");
  blas.getrf_f32 = (tg_blas_getrf_f32)dlsym(library, "sgetrf_");
  blas.getrf_f64 = (tg_blas_getrf_f64)dlsym(library, "dgetrf_");
  set_threads(1);
  int64_t processors = sysconf(_SC_NPROCESSORS_CONF);
  blas.parts = 2 * TG_MAX(processors, 1);
  blas.found = blas.in_use = 1;
  return 1;
}

void tg_use_blas(int32_t use) { blas.in_use = use && blas.found; }
