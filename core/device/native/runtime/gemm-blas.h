/**
 * Products by OpenBLAS for one element type T (see gemm-tiles.h). The longer side of C is halved while parts are large and fewer than
 * two a processor: each part packs its own operands, so the fewer there are the better. A part is finished by its epilogue, where
 * that finds it in the cache.
 */

typedef struct {
  const NAME(product) *product;
  /** The operands as BLAS has them: whether they are stored by columns, and the distance of two lines. */
  int transpose_a, transpose_b;
  int64_t lda, ldb;
  /** Of a part. */
  int64_t rows, columns;
} NAME(blas_parts);

static void NAME(blas_chunk)(void *context, int64_t chunk) {
  const NAME(blas_parts) *parts = context;
  const NAME(product) *g = parts->product;
  int64_t down = TG_CEIL_DIV(g->m, parts->rows);
  int64_t i0 = chunk % down * parts->rows, j0 = chunk / down * parts->columns;
  int64_t i1 = TG_MIN(i0 + parts->rows, g->m), j1 = TG_MIN(j0 + parts->columns, g->n);
  BLAS_GEMM(TG_ROW_MAJOR, parts->transpose_a ? TG_TRANSPOSED : TG_AS_IS, parts->transpose_b ? TG_TRANSPOSED : TG_AS_IS, (int)(i1 - i0),
            (int)(j1 - j0), (int)g->k, 1, g->a + i0 * g->a_row, (int)parts->lda, g->b + j0 * g->b_column, (int)parts->ldb, 0,
            g->c + i0 * g->ldc + j0, (int)g->ldc);
  if (g->epilogue) g->epilogue(g->context, g->batch, i0, i1, j0, j1);
}

/**
 * Returns 0 where OpenBLAS is not there, where parts are too large for their epilogue, or where an operand is none of BLAS: its lines
 * overlap, or a length has more than 30 bits.
 */
static int NAME(multiply_blas)(const NAME(product) *g) {
  if (!blas.in_use) return 0;
  NAME(blas_parts) parts = {.product = g, .rows = g->m, .columns = g->n};
  parts.transpose_a = g->a_row == 1 && g->a_step != 1;
  parts.transpose_b = g->b_step == 1 && g->b_column != 1;
  parts.lda = parts.transpose_a ? g->a_step : g->a_row;
  parts.ldb = parts.transpose_b ? g->b_column : g->b_step;
  if (parts.lda < (parts.transpose_a ? g->m : g->k) || parts.ldb < (parts.transpose_b ? g->k : g->n)) return 0;
  /* What lies in a line is not longer than the distance of two. */
  if (TG_MAX(TG_MAX(g->m, g->k), TG_MAX(TG_MAX(parts.lda, parts.ldb), g->ldc)) > INT32_MAX / 2) return 0;
  double work = (double)g->m * (double)g->n * (double)g->k;
  for (int64_t count = 1; count < blas.parts && work >= 2 * TG_CHUNK_WORK; count *= 2, work /= 2) {
    int64_t *longer = parts.rows >= parts.columns ? &parts.rows : &parts.columns;
    if (count > 1 && *longer < TG_BLAS_PART) break;
    *longer = TG_CEIL_DIV(*longer, 32) * 16;
  }
  if (g->epilogue && parts.rows * parts.columns * (int64_t)sizeof(T) > TG_BLAS_CACHED) return 0;
  tg_parallel(TG_CEIL_DIV(g->m, parts.rows) * TG_CEIL_DIV(g->n, parts.columns), NAME(blas_chunk), &parts);
  return 1;
}
