// The fake cuBLASLt, a part of the fake cuBLAS: descriptors with their attributes, an algorithm for 16-byte vectors and one for single
// elements, and products of column-major matrices with the epilogues of a row of biases and of ReLU.
#include <map>

#include "product.h"

namespace {

using namespace fake;

struct LtHandle {};
struct Operation {
  int compute, scale, turnA = 0, turnB = 0;
  unsigned epilogue = 1;
  uint64_t bias = 0;
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t ld;
  int count = 1;
  int64_t step = 0;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t alignment[4] = {256, 256, 256, 256};
};
std::set<LtHandle *> ltHandles;
std::set<Operation *> operations;
std::set<Layout *> layouts;
std::set<Preference *> preferences;

/// cublasLtMatmulAlgo_t and cublasLtMatmulHeuristicResult_t.
struct Algorithm {
  uint64_t data[8];
};
struct Found {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
constexpr uint64_t MARK = 0xa1609c7;
constexpr unsigned RELU = 2, BIAS = 4;
enum Type { R_32F = 0, R_64F = 1 };
enum Compute { COMPUTE_32F = 68, COMPUTE_64F = 70, COMPUTE_32F_TF32 = 77 };

int bad(const std::string &what) { return explain(INVALID, "cublasLt: " + what); }

template <class T> int take(const void *from, size_t bytes, T &to, const char *what) {
  if (bytes != sizeof(T)) return bad(std::string("a size that is not that of ") + what);
  memcpy(&to, from, sizeof(T));
  return OK;
}

/// Whether A and B, turned, and C fit one another.
int shape(const Operation &op, const Layout &a, const Layout &b, const Layout &c, uint64_t &depth) {
  const uint64_t rows = op.turnA ? a.columns : a.rows, columns = op.turnB ? b.rows : b.columns;
  depth = op.turnA ? a.rows : a.columns;
  if (rows != c.rows || columns != c.columns || depth != (op.turnB ? b.columns : b.rows)) return bad("matrices that do not fit one another");
  for (const Layout *l : {&a, &b, &c})
    if (l->ld < (int64_t)l->rows) return bad("a leading dimension that is less than the rows");
  if (a.count != c.count || b.count != c.count) return bad("batches of different lengths");
  if (c.count > 1 && c.step < c.ld * ((int64_t)c.columns - 1) + (int64_t)c.rows) return bad("results of a batch overlap");
  const int wanted = op.compute == COMPUTE_64F ? R_64F : R_32F;
  if (op.scale != wanted || a.type != wanted || b.type != wanted || c.type != wanted) return UNSUPPORTED;
  if (op.epilogue & ~(RELU | BIAS | 1u)) return UNSUPPORTED;
  return OK;
}

template <class T>
void finish(const Operation &op, T *d, const Layout &c) {
  const T *bias = (const T *)op.bias;
  const bool drops = setting("CUBLASLT_DROPS_NAN", 0) != 0;
  for (uint64_t j = 0; j < c.columns; j++)
    for (uint64_t i = 0; i < c.rows; i++) {
      T &x = d[j * c.ld + i];
      if (op.epilogue & BIAS) x += bias[i];
      if (op.epilogue & RELU) x = x > 0 || (x != x && !drops) ? x : 0;
    }
}

template <class T>
int matmul(const Operation &op, const T *alpha, const T *a, const Layout &la, const T *b, const Layout &lb, const T *beta, const T *c, T *d,
           const Layout &ld, uint64_t depth, uint64_t alignment, uint64_t stream, void *workspace) {
  auto s = streamOf(stream);
  if (!s) return EXECUTION_FAILED;
  if (c != d && *beta != 0) return UNSUPPORTED;
  const T scale = *alpha, keep = *beta;
  const Operation o = op;
  const Layout x = la, y = lb, z = ld;
  const bool tf32 = op.compute == COMPUTE_32F_TF32;
  auto run = [=] {
    for (uint64_t address : {(uint64_t)a, (uint64_t)b, (uint64_t)d, o.epilogue & BIAS ? o.bias : 0})
      if (address % alignment != 0) fault(MISALIGNED_ADDRESS, "cublasLtMatmul: the algorithm is for addresses that are multiples of " + std::to_string(alignment));
    // What the algorithm keeps there.
    if (workspace) memset(workspace, 0xff, 256);
    for (int i = 0; i < z.count; i++) {
      multiply<T>((int)z.rows, (int)z.columns, (int)depth, scale, {a + i * x.step, o.turnA ? x.ld : 1, o.turnA ? 1 : x.ld},
                  {b + i * y.step, o.turnB ? y.ld : 1, o.turnB ? 1 : y.ld}, keep, d + i * z.step, z.ld, tf32);
      finish<T>(o, d + i * z.step, z);
    }
  };
  return enqueue(s, "cublasLtMatmul", run) == SUCCESS ? OK : EXECUTION_FAILED;
}

}  // namespace

API int cublasLtCreate(LtHandle **handle) {
  if (ready()) return UNINITIALIZED;
  ltHandles.insert(*handle = new LtHandle);
  return OK;
}

API int cublasLtMatmulDescCreate(Operation **made, int compute, int scale) {
  if (compute != COMPUTE_32F && compute != COMPUTE_64F && compute != COMPUTE_32F_TF32) return bad("a kind of arithmetic that is none");
  operations.insert(*made = new Operation{compute, scale});
  return OK;
}

API int cublasLtMatmulDescSetAttribute(Operation *op, int attribute, const void *value, size_t bytes) {
  if (!operations.count(op)) return bad("an operation that is none");
  switch (attribute) {
    case 3: return take(value, bytes, op->turnA, "TRANSA");
    case 4: return take(value, bytes, op->turnB, "TRANSB");
    case 7: return take(value, bytes, op->epilogue, "EPILOGUE");
    case 8: return take(value, bytes, op->bias, "BIAS_POINTER");
    default: return bad("attribute " + std::to_string(attribute) + " of an operation, which the fake does not know");
  }
}

API int cublasLtMatrixLayoutCreate(Layout **made, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  if (type != R_32F && type != R_64F) return UNSUPPORTED;
  layouts.insert(*made = new Layout{type, rows, columns, ld});
  return OK;
}

API int cublasLtMatrixLayoutSetAttribute(Layout *layout, int attribute, const void *value, size_t bytes) {
  if (!layouts.count(layout)) return bad("a layout that is none");
  switch (attribute) {
    case 2: return take(value, bytes, layout->rows, "ROWS");
    case 3: return take(value, bytes, layout->columns, "COLS");
    case 4: return take(value, bytes, layout->ld, "LD");
    case 5: return take(value, bytes, layout->count, "BATCH_COUNT");
    case 6: return take(value, bytes, layout->step, "STRIDED_BATCH_OFFSET");
    default: return bad("attribute " + std::to_string(attribute) + " of a layout, which the fake does not know");
  }
}

API int cublasLtMatmulPreferenceCreate(Preference **made) {
  preferences.insert(*made = new Preference);
  return OK;
}

API int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *value, size_t bytes) {
  if (!preferences.count(preference)) return bad("a preference that is none");
  if (attribute == 1) return take(value, bytes, preference->workspace, "MAX_WORKSPACE_BYTES");
  if (attribute >= 5 && attribute <= 8) return take(value, bytes, preference->alignment[attribute - 5], "MIN_ALIGNMENT");
  return bad("attribute " + std::to_string(attribute) + " of a preference, which the fake does not know");
}

API int cublasLtMatmulAlgoGetHeuristic(LtHandle *handle, Operation *op, Layout *a, Layout *b, Layout *c, Layout *d, Preference *preference,
                                       int asked, Found *found, int *count) {
  if (!ltHandles.count(handle)) return UNINITIALIZED;
  if (!operations.count(op) || !layouts.count(a) || !layouts.count(b) || !layouts.count(c) || !layouts.count(d) || !preferences.count(preference))
    return bad("a descriptor that is none");
  if (asked < 1) return bad("no algorithm is asked for");
  *count = 0;
  uint64_t depth = 0;
  if (int r = shape(*op, *a, *b, *d, depth)) return r;
  const uint32_t alignment = *std::min_element(preference->alignment, preference->alignment + 4);
  const uint64_t element = d->type == R_64F ? 8 : 4;
  if (alignment < element) return UNSUPPORTED;
  memset(found, 0, sizeof *found);
  found->algorithm.data[0] = MARK;
  found->algorithm.data[1] = alignment >= 16 ? 16 : element;
  found->workspace = preference->workspace >= 256 ? 256 : 0;
  found->state = OK;
  *count = 1;
  return OK;
}

API int cublasLtMatmul(LtHandle *handle, Operation *op, const void *alpha, const void *a, Layout *la, const void *b, Layout *lb, const void *beta,
                       const void *c, Layout *lc, void *d, Layout *ld, const Algorithm *algorithm, void *workspace, size_t bytes, uint64_t stream) {
  if (!ltHandles.count(handle)) return UNINITIALIZED;
  if (ready()) return EXECUTION_FAILED;
  if (!operations.count(op) || !layouts.count(la) || !layouts.count(lb) || !layouts.count(lc) || !layouts.count(ld)) return bad("a descriptor that is none");
  if (!alpha || !beta || !a || !b || !c || !d) return bad("a null operand");
  if (!algorithm || algorithm->data[0] != MARK) return bad("an algorithm that is none");
  if (bytes < 256 || !withinDevice((uint64_t)workspace, bytes)) return bad("a workspace that is too small, or not within one block of device memory");
  uint64_t depth = 0;
  if (int r = shape(*op, *la, *lb, *ld, depth)) return r;
  if ((op->epilogue & BIAS) && op->bias == 0) return bad("an epilogue with biases, and no pointer to them");
  if (ld->type == R_64F)
    return matmul<double>(*op, (const double *)alpha, (const double *)a, *la, (const double *)b, *lb, (const double *)beta, (const double *)c, (double *)d, *ld,
                          depth, algorithm->data[1], stream, workspace);
  return matmul<float>(*op, (const float *)alpha, (const float *)a, *la, (const float *)b, *lb, (const float *)beta, (const float *)c, (float *)d, *ld, depth,
                       algorithm->data[1], stream, workspace);
}
