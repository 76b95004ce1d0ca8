/** The routines of RoutineLaunch, a matrix or a row at a time: see routines-dense.h and routines-sort.h for the methods. */
#include <math.h>

#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

/** Columns that are factored by loops: a block row of them fits the first-level cache. */
#define TG_BLOCK 48

/* Numbers in order as unsigned integers; none has the key of all ones, which NaN gets. */
static inline uint64_t sort_key_f32(float x) {
  uint32_t bits;
  if (x == 0) x = 0;
  memcpy(&bits, &x, 4);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
static inline uint64_t sort_key_f64(double x) {
  uint64_t bits;
  if (x == 0) x = 0;
  memcpy(&bits, &x, 8);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}
static inline uint64_t sort_key_i32(int32_t x) { return (uint64_t)((int64_t)x + ((int64_t)1 << 31)); }

static inline float square_root_f32(float x) { return sqrtf(x); }
static inline double square_root_f64(double x) { return sqrt(x); }
static inline float magnitude_f32(float x) { return fabsf(x); }
static inline double magnitude_f64(double x) { return fabs(x); }

/** One chunk is one member of the batch; sizes in elements of what a member has of A, B and the result. */
#define TG_ROUTINE(type, suffix, one)                                                                                                  \
  typedef struct {                                                                                                                     \
    const tg_routine *shape;                                                                                                           \
    const type *a, *b;                                                                                                                 \
    char *out;                                                                                                                         \
  } routine_batch_##suffix;                                                                                                            \
  static void routine_chunk_##suffix(void *context, int64_t i) {                                                                       \
    const routine_batch_##suffix *job = context;                                                                                       \
    const tg_routine *s = job->shape;                                                                                                  \
    int64_t a = s->routine == TG_ARGSORT ? s->n : s->n * s->n, b = s->n * s->columns;                                                  \
    int64_t bytes = s->routine == TG_ARGSORT                                                      ? s->n * 4                           \
                    : s->routine == TG_DETERMINANT || s->routine == TG_LOG_DETERMINANT ? (int64_t)sizeof(type)                         \
                    : s->routine == TG_CHOLESKY || s->routine == TG_COFACTORS                     ? a * (int64_t)sizeof(type)          \
                                                                                                  : b * (int64_t)sizeof(type);         \
    one(s, job->a + i * a, job->b ? job->b + i * b : NULL, job->out + i * bytes);                                                      \
  }                                                                                                                                    \
  void tg_routine_##suffix(const tg_routine *shape, const type *a, const type *b, void *out) {                                         \
    routine_batch_##suffix job = {shape, a, b, out};                                                                                   \
    if (shape->batch == 1) routine_chunk_##suffix(&job, 0);                                                                            \
    else tg_parallel(shape->batch, routine_chunk_##suffix, &job);                                                                      \
  }

#undef NR
#undef LANES
#define LANES ((int64_t)(TG_VECTOR_BYTES / sizeof(T)))
#define NR (TG_VECTORS * LANES)

#define T float
#define NAME(x) x##_f32
#define LAPACK(x) blas.x##_f32
#include "routines-sort.h"
#include "routines-dense.h"
TG_ROUTINE(float, f32, routine_one_f32)
#undef LAPACK
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#define LAPACK(x) blas.x##_f64
#include "routines-sort.h"
#include "routines-dense.h"
TG_ROUTINE(double, f64, routine_one_f64)
#undef LAPACK
#undef T
#undef NAME

#include "routines-cofactors.h"

#define T int32_t
#define NAME(x) x##_i32
#include "routines-sort.h"
#undef T
#undef NAME
static void routine_one_i32(const tg_routine *s, const int32_t *a, const int32_t *b, void *out) {
  (void)b;
  argsort_i32(s->n, a, s->descending != 0, out);
}
TG_ROUTINE(int32_t, i32, routine_one_i32)
