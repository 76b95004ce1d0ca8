/**
 * Correlations of padded planes, for one element type T (after gemm-tiles.h): the forward and the input product of a convolution.
 *
 * No matrix of image patches is made. A chunk (an image, a group, some output rows) copies the source rows that it needs into a slab
 * with the padding in it, one plane for each residue of the stride. In the slab an output position (i, j), flattened as
 * i * width + j with the slab's own width, is turned into the element that tap t reads by adding a number that depends on t alone.
 * So neighbouring positions are neighbours in memory for every tap, and a register tile of output channels by positions runs over
 * (channel, tap) with plain vector loads. What the flattening computes between the rows is not stored.
 *
 * The input product at stride 1 is the correlation of ȳ with the taps in reverse; at a greater stride each residue of the position
 * is such a correlation by the taps that reach it (none: zeros).
 */

/** Positions (i, j) get the sum over channels and taps of weight * source at row i * step + row[tap] - pad (columns alike). */
typedef struct {
  int64_t channels, rows_in, columns_in;
  int64_t step[2], pad[2];
  /** Per tap: where it reads, before the step's residue is split off, and its place in w (kh * kW + kw). */
  int64_t taps, *tap_row, *tap_column, *tap_place;
  /** The positions, and where they go: (i * out_step + out_start, j * …) of planes of rows_out x columns_out. */
  int64_t positions[2], out_step[2], out_start[2], rows_out, columns_out;
  /** Output channels of a group. */
  int64_t outputs;
  int64_t groups, images;
  const T *source;
  T *out;
  /** What is done with a block of the output, seen as images x channels x positions, when it is complete; or null. */
  tg_epilogue epilogue;
  void *context;
  /** Weights of a group: panels of TG_ROWS output channels, each [term][row]; term = channel * taps + tap. */
  T *weights;
  /** Per term: distance from a position to the element it reads. */
  int64_t *distance;
  int64_t width, plane, slab_rows, chunk_rows, terms;
} NAME(correlation);

/** The residue of the step is a plane of its own. */
static void NAME(fill_slab)(const NAME(correlation) *c, const T *source, int64_t first_row, int64_t rows, T *slab) {
  for (int64_t channel = 0; channel < c->channels; channel++)
    for (int64_t residue_row = 0; residue_row < c->step[0]; residue_row++)
      for (int64_t residue_column = 0; residue_column < c->step[1]; residue_column++) {
        const T *image = source + channel * c->rows_in * c->columns_in;
        /* Columns of the plane whose element is in the image: 0 <= column * step + shift < columns_in. */
        int64_t shift = residue_column - c->pad[1], step = c->step[1];
        int64_t low = shift >= 0 ? 0 : TG_MIN(c->width, TG_CEIL_DIV(-shift, step));
        int64_t high = c->columns_in - shift <= 0 ? 0 : TG_MIN(c->width, TG_CEIL_DIV(c->columns_in - shift, step));
        high = TG_MAX(low, high);
        for (int64_t r = 0; r < rows; r++, slab += c->width) {
          int64_t row = (first_row + r) * c->step[0] + residue_row - c->pad[0];
          if (row < 0 || row >= c->rows_in) {
            memset(slab, 0, (size_t)c->width * sizeof(T));
            continue;
          }
          const T *from = image + row * c->columns_in + shift;
          memset(slab, 0, (size_t)low * sizeof(T));
          if (step == 1)
            memcpy(slab + low, from + low, (size_t)(high - low) * sizeof(T));
          else
            for (int64_t j = low; j < high; j++) slab[j] = from[j * step];
          memset(slab + high, 0, (size_t)(c->width - high) * sizeof(T));
        }
        slab += (c->slab_rows - rows) * c->width;
      }
  memset(slab, 0, (size_t)NR * sizeof(T));
}

/** As `tile`, the rows of B being at given distances. */
TG_INLINE void NAME(tile_at)(int rows, int64_t k, const T *a, const T *b, const int64_t *distance, T *c, int64_t ldc, int accumulate) {
  NAME(vec) sum[TG_ROWS][TG_VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) sum[i][j] = accumulate ? *(NAME(vec) *)(c + i * ldc + j * LANES) : (NAME(vec)){0};
  for (int64_t p = 0; p < k; p++) {
    const T *from = b + distance[p];
    NAME(vec) row[TG_VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) row[j] = *(const NAME(vec) *)(from + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
      T x = a[i];
#pragma GCC unroll 4
      for (int j = 0; j < TG_VECTORS; j++) sum[i][j] += x * row[j];
    }
    a += TG_ROWS;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < TG_VECTORS; j++) *(NAME(vec) *)(c + i * ldc + j * LANES) = sum[i][j];
}

static void NAME(correlate_tile)(int64_t rows, int64_t k, const T *a, const T *b, const int64_t *distance, T *c, int64_t ldc,
                                 int accumulate) {
#define TG_CASE(count)                                                         \
  case count:                                                                  \
    NAME(tile_at)(count, k, a, b, distance, c, ldc, accumulate);               \
    return;
  switch (rows) { TG_ROW_CASES }
#undef TG_CASE
}

/** Terms at once: a panel of positions of so many terms stays in the first-level cache. */
#define TG_CORRELATE_TERMS 288

static void NAME(correlate_chunk)(void *context, int64_t chunk) {
  const NAME(correlation) *c = context;
  int64_t parts = TG_CEIL_DIV(c->positions[0], c->chunk_rows);
  int64_t first = chunk % parts * c->chunk_rows, rows = TG_MIN(c->chunk_rows, c->positions[0] - first);
  int64_t group = chunk / parts % c->groups, image = chunk / parts / c->groups;
  int64_t across = TG_CEIL_DIV((rows - 1) * c->width + c->positions[1], NR) * NR;
  int64_t planes = c->channels * c->step[0] * c->step[1];
  T *slab = tg_scratch(TG_SCRATCH_IMAGE, (planes * c->plane + 2 * NR) * (int64_t)sizeof(T));
  T *sums = tg_scratch(TG_SCRATCH_A, c->outputs * across * (int64_t)sizeof(T));
  if (!slab || !sums) return;

  const T *source = c->source + (image * c->groups + group) * c->channels * c->rows_in * c->columns_in;
  NAME(fill_slab)(c, source, first, rows + c->slab_rows - c->chunk_rows, slab);
  const T *weights = c->weights + group * TG_CEIL_DIV(c->outputs, TG_ROWS) * TG_ROWS * c->terms;
  for (int64_t k0 = 0; k0 < TG_MAX(c->terms, 1); k0 += TG_CORRELATE_TERMS) {
    int64_t k = TG_MIN(TG_CORRELATE_TERMS, c->terms - k0);
    for (int64_t j = 0; j < across; j += NR)
      for (int64_t o = 0; o < c->outputs; o += TG_ROWS)
        NAME(correlate_tile)(TG_MIN(TG_ROWS, c->outputs - o), k, weights + o * c->terms + k0 * TG_ROWS, slab + j, c->distance + k0,
                             sums + o * across + j, across, k0 > 0);
  }

  T *out = c->out + (image * c->groups + group) * c->outputs * c->rows_out * c->columns_out;
  for (int64_t o = 0; o < c->outputs; o++)
    for (int64_t i = 0; i < rows; i++) {
      const T *from = sums + o * across + i * c->width;
      T *to = out + (o * c->rows_out + (first + i) * c->out_step[0] + c->out_start[0]) * c->columns_out + c->out_start[1];
      if (c->out_step[1] == 1)
        memcpy(to, from, (size_t)c->positions[1] * sizeof(T));
      else
        for (int64_t j = 0; j < c->positions[1]; j++) to[j * c->out_step[1]] = from[j];
    }
  if (c->epilogue)
    c->epilogue(c->context, image, group * c->outputs, (group + 1) * c->outputs, first * c->columns_out, (first + rows) * c->columns_out);
}

/** Weights at from + output * across + channel * along + place, packed: see `weights`. */
static void NAME(pack_weights)(const NAME(correlation) *c, const T *from, int64_t across, int64_t along, T *to) {
  for (int64_t o0 = 0; o0 < c->outputs; o0 += TG_ROWS)
    for (int64_t channel = 0; channel < c->channels; channel++)
      for (int64_t tap = 0; tap < c->taps; tap++, to += TG_ROWS)
        for (int64_t r = 0; r < TG_ROWS; r++)
          to[r] = o0 + r < c->outputs ? from[(o0 + r) * across + channel * along + c->tap_place[tap]] : 0;
}

/** Sizes of slabs are chosen for the second-level cache; more chunks than threads even out what the threads lose to others. */
#define TG_SLAB_BYTES (160 * 1024)

/** Runs a correlation whose taps, positions and operands are set. `across`, `along`: strides of w, for pack_weights. */
static void NAME(correlate)(NAME(correlation) *c, const T *w, int64_t group_stride, int64_t across, int64_t along) {
  if (c->positions[0] <= 0 || c->positions[1] <= 0 || c->images == 0 || c->outputs == 0) return;
  int64_t reach_row = 0, reach_column = 0;
  for (int64_t t = 0; t < c->taps; t++) {
    reach_row = TG_MAX(reach_row, c->tap_row[t] / c->step[0]);
    reach_column = TG_MAX(reach_column, c->tap_column[t] / c->step[1]);
  }
  c->width = c->positions[1] + reach_column;
  c->terms = c->channels * c->taps;
  int64_t row_bytes = c->channels * c->step[0] * c->step[1] * c->width * (int64_t)sizeof(T);
  int64_t fit = TG_SLAB_BYTES / TG_MAX(row_bytes, 1) - reach_row;
  int64_t parts = TG_MAX(TG_CEIL_DIV(c->positions[0], TG_MAX(fit, 1)), TG_CEIL_DIV(4 * tg_threads(), c->images * c->groups));
  c->chunk_rows = TG_CEIL_DIV(c->positions[0], TG_MIN(parts, c->positions[0]));
  c->slab_rows = c->chunk_rows + reach_row;
  c->plane = c->slab_rows * c->width;

  int64_t panels = TG_CEIL_DIV(c->outputs, TG_ROWS);
  c->weights = tg_scratch(TG_SCRATCH_B, c->groups * panels * TG_ROWS * TG_MAX(c->terms, 1) * (int64_t)sizeof(T));
  c->distance = tg_scratch(TG_SCRATCH_ROUTINE, TG_MAX(c->terms, 1) * (int64_t)sizeof(int64_t));
  if (!c->weights || !c->distance) return;
  for (int64_t g = 0; g < c->groups; g++)
    NAME(pack_weights)(c, w + g * group_stride, across, along, c->weights + g * panels * TG_ROWS * c->terms);
  for (int64_t channel = 0; channel < c->channels; channel++)
    for (int64_t t = 0; t < c->taps; t++) {
      int64_t residue = c->tap_row[t] % c->step[0] * c->step[1] + c->tap_column[t] % c->step[1];
      c->distance[channel * c->taps + t] = (channel * c->step[0] * c->step[1] + residue) * c->plane +
                                           c->tap_row[t] / c->step[0] * c->width + c->tap_column[t] / c->step[1];
    }
  tg_parallel(c->images * c->groups * TG_CEIL_DIV(c->positions[0], c->chunk_rows), NAME(correlate_chunk), c);
}

/** y = x * w. */
static void NAME(convolve_forward)(const tg_convolution *s, const T *x, const T *w, T *y, tg_epilogue epilogue, void *context,
                                   int64_t *taps) {
  int64_t places = s->kernel[0] * s->kernel[1], channels = s->c / s->groups, outputs = s->o / s->groups;
  NAME(correlation) c = {.channels = channels, .rows_in = s->input[0], .columns_in = s->input[1], .step = {s->stride[0], s->stride[1]},
                         .pad = {s->padding[0], s->padding[1]}, .taps = places, .tap_row = taps, .tap_column = taps + places,
                         .tap_place = taps + 2 * places, .positions = {s->output[0], s->output[1]}, .out_step = {1, 1},
                         .rows_out = s->output[0], .columns_out = s->output[1], .outputs = outputs, .groups = s->groups, .images = s->n,
                         .source = x, .out = y, .epilogue = epilogue, .context = context};
  for (int64_t t = 0; t < places; t++) {
    c.tap_row[t] = t / s->kernel[1] * s->dilation[0];
    c.tap_column[t] = t % s->kernel[1] * s->dilation[1];
    c.tap_place[t] = t;
  }
  NAME(correlate)(&c, w, outputs * channels * places, channels * places, places);
}

/** x̄ from ȳ and w: position h has h + padding = oh * stride + kh * dilation for the taps of its residue. */
static void NAME(convolve_input)(const tg_convolution *s, const T *y, const T *w, T *x, int64_t *taps) {
  int64_t places = s->kernel[0] * s->kernel[1], channels = s->c / s->groups, outputs = s->o / s->groups;
  for (int64_t row_residue = 0; row_residue < s->stride[0]; row_residue++)
    for (int64_t column_residue = 0; column_residue < s->stride[1]; column_residue++) {
      int64_t residue[2] = {row_residue, column_residue}, reach[2] = {0, 0}, start[2];
      NAME(correlation) c = {.channels = outputs, .rows_in = s->output[0], .columns_in = s->output[1], .step = {1, 1}, .tap_row = taps,
                             .tap_column = taps + places, .tap_place = taps + 2 * places, .out_step = {s->stride[0], s->stride[1]},
                             .rows_out = s->input[0], .columns_out = s->input[1], .outputs = channels, .groups = s->groups,
                             .images = s->n, .source = y, .out = x};
      for (int64_t t = 0; t < places; t++) {
        int64_t row = t / s->kernel[1] * s->dilation[0], column = t % s->kernel[1] * s->dilation[1];
        if (row % s->stride[0] != row_residue || column % s->stride[1] != column_residue) continue;
        c.tap_row[c.taps] = row / s->stride[0];
        c.tap_column[c.taps] = column / s->stride[1];
        c.tap_place[c.taps++] = t;
        reach[0] = TG_MAX(reach[0], row / s->stride[0]);
        reach[1] = TG_MAX(reach[1], column / s->stride[1]);
      }
      for (int64_t t = 0; t < c.taps; t++) {
        c.tap_row[t] = reach[0] - c.tap_row[t];
        c.tap_column[t] = reach[1] - c.tap_column[t];
      }
      for (int d = 0; d < 2; d++) {
        /* The first position of this residue: the least q with h = q * stride + residue - padding >= 0. */
        int64_t gap = s->padding[d] - residue[d], q = gap <= 0 ? -(-gap / s->stride[d]) : TG_CEIL_DIV(gap, s->stride[d]);
        start[d] = q * s->stride[d] - gap;
        c.out_start[d] = start[d];
        c.positions[d] = start[d] >= s->input[d] ? 0 : TG_CEIL_DIV(s->input[d] - start[d], s->stride[d]);
        c.pad[d] = reach[d] - q;
      }
      NAME(correlate)(&c, w, outputs * channels * places, places, channels * places);
    }
}
