// The fake cuBLAS: products of column-major matrices by plain loops, as commands of the handle's stream. Arguments are checked as the library
// checks them; what lies outside the blocks of device memory is found when the loops touch it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fake.h"
#include "product.h"

namespace {

using namespace fake;

enum MathMode { DEFAULT_MATH = 0, PEDANTIC_MATH = 2, TF32_MATH = 3 };

struct Handle {
  uint64_t stream = 0;
  int mode = DEFAULT_MATH;
};
std::set<Handle *> handles;

template <class T>
int gemm(const char *name, Handle *handle, int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda, long long strideA,
         const T *b, int ldb, long long strideB, const T *beta, T *c, int ldc, long long strideC, int batch) {
  if (!handles.count(handle)) return UNINITIALIZED;
  if (ready()) return EXECUTION_FAILED;
  auto bad = [&](const char *what) { return explain(INVALID, std::string(name) + ": " + what); };
  if (ta < 0 || ta > 2 || tb < 0 || tb > 2) return bad("an operation that is none of N, T, C");
  if (m < 0 || n < 0 || k < 0 || batch < 0) return bad("a negative size");
  if (lda < std::max(1, ta ? k : m)) return bad("lda is less than the rows of A");
  if (ldb < std::max(1, tb ? n : k)) return bad("ldb is less than the rows of B");
  if (ldc < std::max(1, m)) return bad("ldc is less than the rows of C");
  if (!alpha || !beta) return bad("no alpha or beta");
  if (m == 0 || n == 0 || batch == 0) return OK;
  if (!c || (k > 0 && (!a || !b))) return bad("a null matrix");
  if (batch > 1 && strideC < (long long)ldc * (n - 1) + m) return bad("results of a batch overlap");
  auto stream = streamOf(handle->stream);
  if (!stream) return EXECUTION_FAILED;
  const T scale = *alpha, keep = *beta;
  const bool tf32 = handle->mode == TF32_MATH;
  auto run = [=] {
    for (int i = 0; i < batch; i++)
      multiply<T>(m, n, k, scale, {a + i * strideA, ta ? lda : 1, ta ? 1 : lda}, {b + i * strideB, tb ? ldb : 1, tb ? 1 : ldb}, keep, c + i * strideC, ldc, tf32);
  };
  return enqueue(stream, name, run) == SUCCESS ? OK : EXECUTION_FAILED;
}

}  // namespace

API int cublasCreate_v2(Handle **handle) {
  if (ready()) return UNINITIALIZED;
  *handle = new Handle;
  handles.insert(*handle);
  return OK;
}

API int cublasDestroy_v2(Handle *handle) {
  if (!handles.erase(handle)) return UNINITIALIZED;
  delete handle;
  return OK;
}

API int cublasSetStream_v2(Handle *handle, uint64_t stream) {
  if (!handles.count(handle)) return UNINITIALIZED;
  if (!streamOf(stream)) return explain(INVALID, "cublasSetStream of what is no stream");
  handle->stream = stream;
  return OK;
}

API int cublasSetWorkspace_v2(Handle *handle, void *workspace, size_t bytes) {
  if (!handles.count(handle)) return UNINITIALIZED;
  if ((uint64_t)workspace % 256 != 0) return explain(INVALID, "a workspace that is not aligned to 256 bytes");
  if (bytes > 0 && !withinDevice((uint64_t)workspace, bytes)) return explain(INVALID, "a workspace that is not within one block of device memory");
  return OK;
}

API int cublasSetMathMode(Handle *handle, int mode) {
  if (!handles.count(handle)) return UNINITIALIZED;
  const int base = mode & 15;
  if (base != DEFAULT_MATH && base != PEDANTIC_MATH && base != TF32_MATH) return INVALID;
  handle->mode = base;
  return OK;
}

/// libraryPropertyType: 0 major, 1 minor, 2 patch.
API int cublasGetProperty(int which, int *value) {
  const int version = (int)setting("CUBLAS", 130000);
  if (which < 0 || which > 2) return INVALID;
  *value = which == 0 ? version / 10000 : which == 1 ? version / 100 % 100 : version % 100;
  return OK;
}

API int cublasGetVersion_v2(Handle *handle, int *version) {
  if (!handles.count(handle)) return UNINITIALIZED;
  *version = (int)setting("CUBLAS", 130000);
  return OK;
}

API const char *cublasGetStatusString(int status) {
  switch (status) {
    case OK: return "success";
    case UNINITIALIZED: return "the library was not initialized";
    case ALLOC_FAILED: return "the resource allocation failed";
    case INVALID: return "an unsupported value or parameter was passed to the function";
    case EXECUTION_FAILED: return "the function failed to launch on the GPU";
    case INTERNAL: return "an internal operation failed";
    case UNSUPPORTED: return "the functionality requested is not supported";
    default: return "<unknown>";
  }
}

#define GEMM(letter, T)                                                                                                                    \
  API int cublas##letter##gemm_v2(Handle *h, int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda, const T *b, int ldb, \
                                  const T *beta, T *c, int ldc) {                                                                          \
    return gemm<T>("cublas" #letter "gemm", h, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);                          \
  }                                                                                                                                        \
  API int cublas##letter##gemmStridedBatched(Handle *h, int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda,          \
                                             long long sa, const T *b, int ldb, long long sb, const T *beta, T *c, int ldc, long long sc,  \
                                             int batch) {                                                                                  \
    return gemm<T>("cublas" #letter "gemmStridedBatched", h, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);     \
  }
GEMM(S, float)
GEMM(D, double)
