/**
 * tg_gemm for one element type T (see gemm-tiles.h): chooses the method by shape, and spreads a batch of small products, or the
 * parts of a large one, over the threads.
 */

typedef struct {
  const tg_gemm *shape;
  const T *a, *b;
  T *c;
  tg_epilogue epilogue;
  void *context;
  /** Products of the batch that make one chunk. */
  int64_t group;
} NAME(batch);

typedef struct {
  const NAME(product) *product;
  int by_rows;
  int64_t chunk;
} NAME(parts);

static void NAME(vector_chunk)(void *context, int64_t chunk) {
  const NAME(parts) *parts = context;
  const NAME(product) *g = parts->product;
  int64_t from = chunk * parts->chunk, to = TG_MIN(from + parts->chunk, parts->by_rows ? g->m : g->n);
  NAME(multiply_vectors)(g, parts->by_rows, from, to);
}

static void NAME(direct_chunk)(void *context, int64_t chunk) {
  const NAME(parts) *parts = context;
  const NAME(product) *g = parts->product;
  int64_t from = chunk * parts->chunk;
  if (parts->by_rows) NAME(multiply_direct)(g, from, TG_MIN(from + parts->chunk, g->m), 0, g->n);
  else NAME(multiply_direct)(g, 0, g->m, from, TG_MIN(from + parts->chunk, g->n));
}

static void NAME(spread)(const NAME(product) *g, int by_rows, int64_t grain, void (*body)(void *, int64_t)) {
  int64_t length = by_rows ? g->m : g->n;
  int64_t work = TG_MAX(1, g->k * (by_rows ? g->n : g->m));
  int64_t chunk = TG_MAX(TG_CHUNK_WORK / work, TG_CEIL_DIV(length, 4 * tg_threads()));
  NAME(parts) parts = {g, by_rows, TG_CEIL_DIV(TG_MAX(chunk, 1), grain) * grain};
  tg_parallel(TG_CEIL_DIV(length, parts.chunk), body, &parts);
}

static void NAME(multiply)(NAME(product) *g) {
  if (g->m == 0 || g->n == 0) return;
  if (g->k == 0) {
    for (int64_t i = 0; i < g->m; i++) memset(g->c + i * g->ldc, 0, (size_t)g->n * sizeof(T));
    if (g->epilogue) g->epilogue(g->context, g->batch, 0, g->m, 0, g->n);
    return;
  }
  double work = (double)g->m * (double)g->n * (double)g->k;
  if (g->n <= 2 || g->m <= 2)
    NAME(spread)(g, g->n <= 2, 64, NAME(vector_chunk));
  else if (work <= TG_DIRECT_WORK || g->m <= 2 * TG_ROWS)
    NAME(spread)(g, g->n < g->m, g->n < g->m ? TG_ROWS : NR, NAME(direct_chunk));
  else if (!NAME(multiply_blas)(g))
    NAME(multiply_packed)(g);
}

static void NAME(batch_chunk)(void *context, int64_t chunk) {
  const NAME(batch) *batch = context;
  const tg_gemm *s = batch->shape;
  NAME(product) g = {.m = s->m, .n = s->n, .k = s->k, .ldc = s->ldc, .epilogue = batch->epilogue, .context = batch->context};
  g.a_row = s->transpose_a ? 1 : s->lda;
  g.a_step = s->transpose_a ? s->lda : 1;
  g.b_column = s->transpose_b ? s->ldb : 1;
  g.b_step = s->transpose_b ? 1 : s->ldb;
  for (g.batch = chunk * batch->group; g.batch < TG_MIN((chunk + 1) * batch->group, s->batches); g.batch++) {
    const int64_t *offset = s->offsets ? s->offsets + 3 * g.batch : (const int64_t[3]){0, 0, 0};
    g.a = batch->a + offset[0];
    g.b = batch->b + offset[1];
    g.c = batch->c + offset[2];
    NAME(multiply)(&g);
  }
}

void NAME(tg_gemm)(const tg_gemm *shape, const T *a, const T *b, T *c, tg_epilogue epilogue, void *context) {
  NAME(batch) batch = {shape, a, b, c, epilogue, context, 1};
  double work = (double)shape->m * (double)shape->n * (double)(shape->k + 1);
  /* Few large products: the threads share each. Many or small ones: each product is one thread's. */
  if (shape->batches < 2 * tg_threads() && work > 4 * TG_CHUNK_WORK) {
    for (int64_t i = 0; i < shape->batches; i++) NAME(batch_chunk)(&batch, i);
    return;
  }
  int64_t group = (int64_t)(TG_CHUNK_WORK / work);
  batch.group = TG_MAX(1, group);
  tg_parallel(TG_CEIL_DIV(shape->batches, batch.group), NAME(batch_chunk), &batch);
}
