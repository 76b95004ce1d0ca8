/** Products by OpenBLAS for one element type T (see gemm-tiles.h): a grid of parts, each finished by its epilogue. */

typedef struct {
  const NAME(product) *product;
  int64_t rows, columns;
} NAME(blas_parts);

static void NAME(blas_chunk)(void *context, int64_t chunk) {
  const NAME(blas_parts) *parts = context;
  const NAME(product) *g = parts->product;
  int64_t down = TG_CEIL_DIV(g->m, parts->rows);
  int64_t i0 = chunk % down * parts->rows, j0 = chunk / down * parts->columns;
  int64_t i1 = TG_MIN(i0 + parts->rows, g->m), j1 = TG_MIN(j0 + parts->columns, g->n);
  int transpose_a = g->a_row == 1 && g->a_step != 1, transpose_b = g->b_step == 1 && g->b_column != 1;
  BLAS_GEMM(TG_ROW_MAJOR, transpose_a ? TG_TRANSPOSED : TG_AS_IS, transpose_b ? TG_TRANSPOSED : TG_AS_IS, (int)(i1 - i0), (int)(j1 - j0),
            (int)g->k, 1, g->a + i0 * g->a_row, (int)(transpose_a ? g->a_step : g->a_row), g->b + j0 * g->b_column,
            (int)(transpose_b ? g->b_column : g->b_step), 0, g->c + i0 * g->ldc + j0, (int)g->ldc);
  if (g->epilogue) g->epilogue(g->context, g->batch, i0, i1, j0, j1);
}

/** Returns 0 where OpenBLAS is not there, or not faster than our own tiles. */
static int NAME(multiply_blas)(const NAME(product) *g) {
  if (!blas.found || blas.use < (TG_BLAS_PAYS ? 1 : 2) || TG_MAX(TG_MAX(g->m, g->n), g->k) > INT32_MAX / 2) return 0;
  if ((double)g->m * (double)g->n * (double)g->k < TG_BLAS_WORK) return 0;
  int64_t down = TG_CEIL_DIV(g->m, TG_BLAS_PART), across = TG_CEIL_DIV(g->n, TG_BLAS_PART);
  NAME(blas_parts) parts = {g, TG_CEIL_DIV(TG_CEIL_DIV(g->m, down), 24) * 24, TG_CEIL_DIV(TG_CEIL_DIV(g->n, across), 24) * 24};
  tg_parallel(TG_CEIL_DIV(g->m, parts.rows) * TG_CEIL_DIV(g->n, parts.columns), NAME(blas_chunk), &parts);
  return 1;
}
