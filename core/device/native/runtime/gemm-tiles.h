/**
 * Products by register tiles, for one element type T (included once a type; NAME(x) adds the type to a name). The method is that
 * of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), as arranged by BLIS: both operands are
 * packed into panels that the register tile reads in order, blocks of A stay in the second-level cache, panels of B in the first. Where
 * C has few columns A is not packed.
 */

typedef T NAME(vec) __attribute__((vector_size(TG_VECTOR_BYTES), aligned(sizeof(T)), may_alias));

#undef LANES
#undef NR
#define LANES ((int64_t)(TG_VECTOR_BYTES / sizeof(T)))
#define NR (TG_VECTORS * LANES)

/**
 * The tile C[rows x NR] (+)= A B over `k` terms: A element (i, p) at a[i * a_row + p * a_step], row p of B at b + p * b_step.
 * `rows` is a constant at every call, so that the accumulators are registers.
 */
TG_INLINE void NAME(tile)(int rows, int64_t k, const T *a, int64_t a_row, int64_t a_step, const T *b, int64_t b_step, T *c, int64_t ldc,
                          int accumulate) {
  /* The tile of C is asked for now, so that it is there when the terms are summed. */
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) __builtin_prefetch(c + i * ldc + j * LANES, 1, 3);
  NAME(vec) sum[TG_ROWS][TG_VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) sum[i][j] = (NAME(vec)){0};
  for (int64_t p = 0; p < k; p++) {
    NAME(vec) row[TG_VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) row[j] = *(const NAME(vec) *)(b + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
      T x = a[i * a_row];
#pragma GCC unroll 4
      for (int j = 0; j < TG_VECTORS; j++) sum[i][j] += x * row[j];
    }
    a += a_step;
    b += b_step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) {
      NAME(vec) *to = (NAME(vec) *)(c + i * ldc + j * LANES);
      if (accumulate) sum[i][j] += *to;
      *to = sum[i][j];
    }
}

/** The top left `rows` x `columns` of a finished tile into C. */
static void NAME(store_part)(const T *tile, int64_t rows, int64_t columns, T *c, int64_t ldc, int accumulate) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + tile[i * NR + j] : tile[i * NR + j];
}

/** A tile with B from a packed panel, A from a panel of its own or as it lies. */
static void NAME(packed_tile)(int64_t rows, int64_t columns, int64_t k, const T *a, int64_t a_row, int64_t a_step, const T *b, T *c, int64_t ldc,
                              int accumulate) {
  if (columns == NR && a_row == 1) {
#define TG_CASE(count)                                                   \
  case count:                                                            \
    NAME(tile)(count, k, a, 1, TG_ROWS, b, NR, c, ldc, accumulate);      \
    return;
    switch (rows) { TG_ROW_CASES }
#undef TG_CASE
  }
  if (columns == NR) {
#define TG_CASE(count)                                                   \
  case count:                                                            \
    NAME(tile)(count, k, a, a_row, 1, b, NR, c, ldc, accumulate);        \
    return;
    switch (rows) { TG_ROW_CASES }
#undef TG_CASE
  }
  T part[TG_ROWS * NR];
#define TG_CASE(count)                                                   \
  case count:                                                            \
    NAME(tile)(count, k, a, a_row, a_step, b, NR, part, NR, 0);          \
    break;
  switch (rows) { TG_ROW_CASES }
#undef TG_CASE
  NAME(store_part)(part, rows, columns, c, ldc, accumulate);
}

/** A tile from operands as they lie, of any number of rows; B has full rows of NR. */
static void NAME(direct_tile)(int64_t rows, int64_t k, const T *a, int64_t a_row, int64_t a_step, const T *b, int64_t b_step, T *c,
                              int64_t ldc) {
#define TG_CASE(count)                                                  \
  case count:                                                           \
    NAME(tile)(count, k, a, a_row, a_step, b, b_step, c, ldc, 0);       \
    return;
  switch (rows) { TG_ROW_CASES }
#undef TG_CASE
}

typedef T NAME(four) __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));

/** Four vectors of four elements, `across` apart, into four of one element each of them, `width` apart. */
TG_INLINE void NAME(turn_four)(const T *from, int64_t across, T *to, int64_t width) {
  NAME(four) r0 = *(const NAME(four) *)from, r1 = *(const NAME(four) *)(from + across);
  NAME(four) r2 = *(const NAME(four) *)(from + 2 * across), r3 = *(const NAME(four) *)(from + 3 * across);
#define TG_PAIRS(x, y, i, j) ((NAME(four)){x[i], y[i], x[j], y[j]})
#define TG_HALVES(x, y, i) ((NAME(four)){x[i], x[i + 1], y[i], y[i + 1]})
  NAME(four) low01 = TG_PAIRS(r0, r1, 0, 1), high01 = TG_PAIRS(r0, r1, 2, 3);
  NAME(four) low23 = TG_PAIRS(r2, r3, 0, 1), high23 = TG_PAIRS(r2, r3, 2, 3);
  *(NAME(four) *)to = TG_HALVES(low01, low23, 0);
  *(NAME(four) *)(to + width) = TG_HALVES(low01, low23, 2);
  *(NAME(four) *)(to + 2 * width) = TG_HALVES(high01, high23, 0);
  *(NAME(four) *)(to + 3 * width) = TG_HALVES(high01, high23, 2);
#undef TG_PAIRS
#undef TG_HALVES
}

/** Packs `count` vectors of `k` elements, element (v, p) at from[v * across + p * along], into to[p * width + v], zeros above `count`. */
static void NAME(pack_panel)(const T *from, int64_t across, int64_t along, int64_t count, int64_t width, int64_t k, T *to) {
  if (count < width) memset(to, 0, (size_t)(width * k) * sizeof(T));
  if (across == 1) {
    if (count == width && width == NR)
      for (int64_t p = 0; p < k; p++) memcpy(to + p * NR, from + p * along, NR * sizeof(T));
    else if (count == width && width == TG_ROWS)
      for (int64_t p = 0; p < k; p++) memcpy(to + p * TG_ROWS, from + p * along, TG_ROWS * sizeof(T));
    else
      for (int64_t p = 0; p < k; p++) memcpy(to + p * width, from + p * along, (size_t)count * sizeof(T));
    return;
  }
  /* Transposing: a few elements along at a time, so that what is read of each vector is a cache line and what is written stays. */
  for (int64_t p0 = 0; p0 < k; p0 += 16) {
    int64_t p1 = TG_MIN(p0 + 16, k), v = 0;
    if (along == 1 && p1 - p0 == 16)
      for (; v + 4 <= count; v += 4)
        for (int64_t p = p0; p < p1; p += 4) NAME(turn_four)(from + v * across + p, across, to + p * width + v, width);
    for (; v < count; v++) {
      const T *source = from + v * across;
      for (int64_t p = p0; p < p1; p++) to[p * width + v] = source[p * along];
    }
  }
}

/** One product: operands with their strides, and what is being worked on. */
typedef struct {
  int64_t m, n, k, batch;
  const T *a, *b;
  T *c;
  int64_t a_row, a_step, b_step, b_column, ldc;
  tg_epilogue epilogue;
  void *context;
  /* The current blocks: rows from i0, terms from p0, columns from j0; and the size of a chunk. */
  int64_t i0, rows, p0, terms, j0, columns, chunk_rows, chunk_columns;
  T *packed_a, *packed_b;
} NAME(product);

/** Panel number `chunk` of A, or of B after those of A. */
static void NAME(pack_chunk)(void *context, int64_t chunk) {
  const NAME(product) *g = context;
  int64_t panels = g->packed_a ? TG_CEIL_DIV(g->rows, TG_ROWS) : 0;
  if (chunk < panels) {
    int64_t i = chunk * TG_ROWS;
    NAME(pack_panel)(g->a + (g->i0 + i) * g->a_row + g->p0 * g->a_step, g->a_row, g->a_step, TG_MIN(TG_ROWS, g->rows - i), TG_ROWS, g->terms,
                     g->packed_a + i * g->terms);
  } else {
    int64_t j = (chunk - panels) * NR;
    NAME(pack_panel)(g->b + g->p0 * g->b_step + (g->j0 + j) * g->b_column, g->b_column, g->b_step, TG_MIN(NR, g->columns - j), NR, g->terms,
                     g->packed_b + j * g->terms);
  }
}

static void NAME(multiply_chunk)(void *context, int64_t chunk) {
  const NAME(product) *g = context;
  int64_t down = TG_CEIL_DIV(g->rows, g->chunk_rows);
  int64_t i0 = chunk % down * g->chunk_rows, j0 = chunk / down * g->chunk_columns;
  int64_t i1 = TG_MIN(i0 + g->chunk_rows, g->rows), j1 = TG_MIN(j0 + g->chunk_columns, g->columns);
  T *c = g->c + g->i0 * g->ldc + g->j0;
  const T *a = g->packed_a ? g->packed_a : g->a + g->i0 * g->a_row + g->p0;
  int64_t a_panel = g->packed_a ? g->terms : g->a_row, a_row = g->packed_a ? 1 : g->a_row, a_step = g->packed_a ? TG_ROWS : 1;
  for (int64_t j = j0; j < j1; j += NR)
    for (int64_t i = i0; i < i1; i += TG_ROWS)
      NAME(packed_tile)(TG_MIN(TG_ROWS, i1 - i), TG_MIN(NR, j1 - j), g->terms, a + i * a_panel, a_row, a_step, g->packed_b + j * g->terms,
                        c + i * g->ldc + j, g->ldc, g->p0 > 0);
  if (g->epilogue && g->p0 + g->terms == g->k)
    g->epilogue(g->context, g->batch, g->i0 + i0, g->i0 + i1, g->j0 + j0, g->j0 + j1);
}

/**
 * Most terms at once and rows of a chunk: 2 KiB of each row of A, so that a chunk of A lies in the second-level cache and C is read and
 * written once in that many terms; and the most rows and columns packed at once.
 */
#define TG_TERMS ((int64_t)(2048 / sizeof(T)))
#define TG_CHUNK_ROWS (TG_CEIL_DIV(96, TG_ROWS) * TG_ROWS)
#define TG_BLOCK_ROWS (TG_CHUNK_ROWS * 32)
#define TG_BLOCK_COLUMNS 3072
/**
 * Up to so many columns A is read as it lies: each of its elements is used too seldom to be worth packing. Fewer where its rows are a
 * multiple of 4 KiB apart, and so all fall into the same places of the first-level cache.
 */
#define TG_UNPACKED_COLUMNS(bytes_of_row) ((bytes_of_row) % 4096 ? 512 : 128)

/** Does nothing where there is no memory for the panels. */
static void NAME(multiply_packed)(NAME(product) *g) {
  int64_t threads = tg_threads();
  int64_t most_rows = TG_MIN(TG_CEIL_DIV(g->m, TG_ROWS) * TG_ROWS, TG_BLOCK_ROWS);
  int64_t most_columns = TG_MIN(TG_CEIL_DIV(g->n, NR) * NR, TG_BLOCK_COLUMNS), most_terms = TG_MIN(g->k, TG_TERMS);
  int as_it_lies = g->a_step == 1 && g->n <= TG_UNPACKED_COLUMNS(g->a_row * (int64_t)sizeof(T));
  g->packed_a = as_it_lies ? NULL : tg_scratch(TG_SCRATCH_A, most_rows * most_terms * (int64_t)sizeof(T));
  g->packed_b = tg_scratch(TG_SCRATCH_B, most_columns * most_terms * (int64_t)sizeof(T));
  if ((!g->packed_a && !as_it_lies) || !g->packed_b) return;
  for (g->j0 = 0; g->j0 < g->n; g->j0 += g->columns) {
    g->columns = TG_MIN(TG_BLOCK_COLUMNS, g->n - g->j0);
    int64_t even_terms = TG_CEIL_DIV(g->k, TG_CEIL_DIV(g->k, TG_TERMS));
    for (g->p0 = 0; g->p0 < g->k; g->p0 += g->terms) {
      g->terms = TG_MIN(even_terms, g->k - g->p0);
      for (g->i0 = 0; g->i0 < g->m; g->i0 += g->rows) {
        g->rows = TG_MIN(TG_BLOCK_ROWS, g->m - g->i0);
        g->chunk_rows = TG_MIN(TG_CHUNK_ROWS, TG_CEIL_DIV(g->rows, TG_ROWS) * TG_ROWS);
        int64_t down = TG_CEIL_DIV(g->rows, g->chunk_rows), panels = TG_CEIL_DIV(g->columns, NR);
        /* About twelve chunks a thread, so that the last one to end is not waited for long. */
        int64_t across = TG_MAX(1, TG_MIN(threads * 12 / down, panels));
        g->chunk_columns = TG_CEIL_DIV(panels, across) * NR;
        tg_parallel((g->packed_a ? TG_CEIL_DIV(g->rows, TG_ROWS) : 0) + panels, NAME(pack_chunk), g);
        tg_parallel(down * TG_CEIL_DIV(g->columns, g->chunk_columns), NAME(multiply_chunk), g);
      }
    }
  }
}
