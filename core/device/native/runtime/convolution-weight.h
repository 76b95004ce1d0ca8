/**
 * The weight product of a convolution, w̄ from x and ȳ, for one element type T (after gemm-tiles.h): a sum over all positions.
 *
 * The vector lanes are input channels: a slab of x holds NR channels of a position side by side, so that with positions flattened
 * as in convolution-correlate.h the elements that one tap reads at successive positions are successive rows of NR, and a register
 * tile of output channels by input channels runs along the positions with no gathering. ȳ is packed by output channel, zero
 * between the rows. Where a group has few input channels, the lanes are (channel, tap) pairs and the slab is gathered per tap;
 * where it has one input and output channel (depthwise), each weight is a dot product.
 *
 * The images are dealt to a number of partial sums that depends on the shape alone, added in order: results are reproducible.
 */

typedef struct {
  const tg_convolution *s;
  const T *x, *y;
  T *out;
  /** Channels of a group; taps that are distances in the slab (1 where lanes are channel-tap pairs); lanes in all. */
  int64_t channels, outputs, places, taps, lanes;
  int64_t width, reach_row, chunk_rows;
  /** Partial sums: images are dealt to `splits`; lane blocks to `parts` of `blocks` each. */
  int64_t splits, parts, blocks;
  T *partial;
  int64_t partial_size;
} NAME(weight_job);

/** sums[rows x NR] += ȳ panel times lane block, over k positions. */
static void NAME(weight_tile)(int64_t rows, int64_t k, const T *a, const T *b, T *sums) {
#define TG_CASE(count)                                              \
  case count:                                                       \
    NAME(tile)(count, k, a, 1, TG_ROWS, b, NR, sums, NR, 1);        \
    return;
  switch (rows) { TG_ROW_CASES }
#undef TG_CASE
}

/** One lane's elements at all positions of slab rows [0, rows): to[position * NR]. */
static void NAME(fill_lane)(const NAME(weight_job) *job, const T *image, int64_t first, int64_t rows, int64_t shift_row, int64_t shift_column,
                            T *to) {
  const tg_convolution *s = job->s;
  int64_t step = s->stride[1];
  for (int64_t r = 0; r < rows; r++) {
    int64_t row = (first + r) * s->stride[0] + shift_row - s->padding[0];
    int inside = row >= 0 && row < s->input[0];
    int64_t shift = shift_column - s->padding[1];
    int64_t low = !inside ? job->width : shift >= 0 ? 0 : TG_MIN(job->width, TG_CEIL_DIV(-shift, step));
    int64_t high = !inside || s->input[1] <= shift ? low : TG_MAX(low, TG_MIN(job->width, TG_CEIL_DIV(s->input[1] - shift, step)));
    const T *from = image + row * s->input[1] + shift;
    for (int64_t j = 0; j < low; j++) to[j * NR] = 0;
    for (int64_t j = low; j < high; j++) to[j * NR] = from[j * step];
    for (int64_t j = high; j < job->width; j++) to[j * NR] = 0;
    to += job->width * NR;
  }
}

/** ȳ of the output channels of a panel, by position: to[position * TG_ROWS + row], zeros between the rows of the image. */
static void NAME(fill_outputs)(const NAME(weight_job) *job, const T *y, int64_t first, int64_t rows, int64_t count, T *to) {
  const tg_convolution *s = job->s;
  int64_t plane = s->output[0] * s->output[1];
  memset(to, 0, (size_t)(rows * job->width * TG_ROWS) * sizeof(T));
  for (int64_t i = 0; i < rows; i++)
    NAME(pack_panel)(y + (first + i) * s->output[1], plane, 1, count, TG_ROWS, s->output[1], to + i * job->width * TG_ROWS);
}

/** A chunk is (split, group, part): some images, some lane blocks, all output channels. */
static void NAME(weight_chunk)(void *context, int64_t chunk) {
  const NAME(weight_job) *job = context;
  const tg_convolution *s = job->s;
  int64_t part = chunk % job->parts, group = chunk / job->parts % s->groups, split = chunk / job->parts / s->groups;
  int64_t block0 = part * job->blocks, block1 = TG_MIN(block0 + job->blocks, TG_CEIL_DIV(job->lanes, NR));
  int64_t pairs = job->taps == 1 && job->places > 1;
  int64_t planes = pairs ? 1 : s->stride[0] * s->stride[1], panels = TG_CEIL_DIV(job->outputs, TG_ROWS);
  int64_t slab_rows = job->chunk_rows + job->reach_row, plane = slab_rows * job->width * NR;
  int64_t panel = job->chunk_rows * job->width * TG_ROWS;
  T *slab = tg_scratch(TG_SCRATCH_IMAGE, (planes * plane + job->width * NR) * (int64_t)sizeof(T));
  T *outputs = tg_scratch(TG_SCRATCH_A, panels * panel * (int64_t)sizeof(T));
  if (!slab || !outputs) return;
  memset(slab, 0, (size_t)(planes * plane + job->width * NR) * sizeof(T));
  /* Sums of the part: [lane block][tap][output channel][NR]. */
  int64_t padded_outputs = panels * TG_ROWS;
  T *sums = job->partial + (split * s->groups + group) * job->partial_size + block0 * job->taps * padded_outputs * NR;
  memset(sums, 0, (size_t)((block1 - block0) * job->taps * padded_outputs * NR) * sizeof(T));

  for (int64_t image = split * s->n / job->splits; image < (split + 1) * s->n / job->splits; image++) {
    const T *x = job->x + (image * s->groups + group) * job->channels * s->input[0] * s->input[1];
    const T *y = job->y + (image * s->groups + group) * job->outputs * s->output[0] * s->output[1];
    for (int64_t first = 0; first < s->output[0]; first += job->chunk_rows) {
      int64_t rows = TG_MIN(job->chunk_rows, s->output[0] - first);
      for (int64_t o = 0; o < panels; o++)
        NAME(fill_outputs)(job, y + o * TG_ROWS * s->output[0] * s->output[1], first, rows, TG_MIN(TG_ROWS, job->outputs - o * TG_ROWS),
                           outputs + o * panel);
      for (int64_t block = block0; block < block1; block++) {
        for (int64_t lane = 0; lane < TG_MIN(NR, job->lanes - block * NR); lane++) {
          int64_t number = block * NR + lane, channel = pairs ? number / job->places : number, place = number % job->places;
          const T *from = x + channel * s->input[0] * s->input[1];
          for (int64_t residue = 0; residue < planes; residue++)
            NAME(fill_lane)(job, from, first, rows + job->reach_row,
                            pairs ? place / s->kernel[1] * s->dilation[0] : residue / s->stride[1],
                            pairs ? place % s->kernel[1] * s->dilation[1] : residue % s->stride[1], slab + residue * plane + lane);
        }
        for (int64_t tap = 0; tap < job->taps; tap++) {
          int64_t row = pairs ? 0 : tap / s->kernel[1] * s->dilation[0], column = pairs ? 0 : tap % s->kernel[1] * s->dilation[1];
          const T *from = slab + (row % s->stride[0] * s->stride[1] + column % s->stride[1]) * plane +
                          (row / s->stride[0] * job->width + column / s->stride[1]) * NR;
          T *sum = sums + ((block - block0) * job->taps + tap) * padded_outputs * NR;
          for (int64_t o = 0; o < panels; o++)
            NAME(weight_tile)(TG_MIN(TG_ROWS, job->outputs - o * TG_ROWS), (rows - 1) * job->width + s->output[1], outputs + o * panel, from,
                              sum + o * TG_ROWS * NR);
        }
      }
    }
  }
}

/** Adds the partial sums of one group in order, and puts them where w̄ has them. */
static void NAME(weight_finish)(void *context, int64_t group) {
  const NAME(weight_job) *job = context;
  int64_t padded_outputs = TG_CEIL_DIV(job->outputs, TG_ROWS) * TG_ROWS;
  for (int64_t lane = 0; lane < job->lanes; lane++)
    for (int64_t tap = 0; tap < job->taps; tap++) {
      const T *from = job->partial + group * job->partial_size + (lane / NR * job->taps + tap) * padded_outputs * NR + lane % NR;
      int64_t place = lane * job->taps + tap;
      for (int64_t o = 0; o < job->outputs; o++) {
        T sum = 0;
        for (int64_t split = 0; split < job->splits; split++) sum += from[split * job->s->groups * job->partial_size + o * NR];
        job->out[(group * job->outputs + o) * job->channels * job->places + place] = sum;
      }
    }
}

/** Depthwise: chunk = channel. Each weight is a dot product of ȳ and x over the slabs of the images. */
static void NAME(weight_depthwise)(void *context, int64_t channel) {
  const NAME(weight_job) *job = context;
  const tg_convolution *s = job->s;
  int64_t planes = s->stride[0] * s->stride[1], slab_rows = s->output[0] + job->reach_row, plane = slab_rows * job->width;
  int64_t size = s->output[0] * job->width;
  T *slab = tg_scratch(TG_SCRATCH_IMAGE, (planes * plane + job->width + NR) * (int64_t)sizeof(T));
  T *flat = tg_scratch(TG_SCRATCH_A, size * (int64_t)sizeof(T));
  if (!slab || !flat) return;
  NAME(correlation) c = {.channels = 1, .rows_in = s->input[0], .columns_in = s->input[1], .step = {s->stride[0], s->stride[1]},
                         .pad = {s->padding[0], s->padding[1]}, .width = job->width, .slab_rows = slab_rows};
  T *out = job->out + channel * job->places;
  memset(out, 0, (size_t)job->places * sizeof(T));
  memset(flat, 0, (size_t)size * sizeof(T));
  for (int64_t image = 0; image < s->n; image++) {
    NAME(fill_slab)(&c, job->x + (image * s->c + channel) * s->input[0] * s->input[1], 0, slab_rows, slab);
    const T *y = job->y + (image * s->o + channel) * s->output[0] * s->output[1];
    for (int64_t i = 0; i < s->output[0]; i++) memcpy(flat + i * job->width, y + i * s->output[1], (size_t)s->output[1] * sizeof(T));
    for (int64_t place = 0; place < job->places; place++) {
      int64_t row = place / s->kernel[1] * s->dilation[0], column = place % s->kernel[1] * s->dilation[1];
      out[place] += NAME(dot)((s->output[0] - 1) * job->width + s->output[1], flat,
                              slab + (row % s->stride[0] * s->stride[1] + column % s->stride[1]) * plane +
                                  row / s->stride[0] * job->width + column / s->stride[1]);
    }
  }
}

/** Bytes of a slab of one lane block, of partial sums in all, and the chunks aimed at: none depends on the number of threads. */
#define TG_LANE_SLAB_BYTES (24 * 1024)
#define TG_PARTIAL_BYTES (16 << 20)
#define TG_WEIGHT_CHUNKS 32

static void NAME(convolve_weight)(const tg_convolution *s, const T *x, const T *y, T *out) {
  NAME(weight_job) job = {.s = s, .x = x, .y = y, .out = out, .channels = s->c / s->groups, .outputs = s->o / s->groups,
                          .places = s->kernel[0] * s->kernel[1]};
  int depthwise = job.channels == 1 && job.outputs == 1, pairs = !depthwise && job.channels <= NR / 2;
  job.taps = pairs ? 1 : job.places;
  job.lanes = pairs ? job.channels * job.places : job.channels;
  if (job.outputs == 0 || job.lanes == 0 || job.places == 0) return;
  if (s->n == 0 || s->output[0] <= 0 || s->output[1] <= 0) {
    memset(out, 0, (size_t)(s->o * job.channels * job.places) * sizeof(T));
    return;
  }
  job.reach_row = pairs ? 0 : (s->kernel[0] - 1) * s->dilation[0] / s->stride[0];
  job.width = s->output[1] + (pairs ? 0 : (s->kernel[1] - 1) * s->dilation[1] / s->stride[1]);
  if (depthwise) {
    tg_parallel(s->o, NAME(weight_depthwise), &job);
    return;
  }
  int64_t row_bytes = job.width * NR * (int64_t)sizeof(T) * (pairs ? 1 : s->stride[0] * s->stride[1]);
  job.chunk_rows = TG_MIN(s->output[0], TG_MAX(1, TG_LANE_SLAB_BYTES / row_bytes - job.reach_row));
  int64_t lane_blocks = TG_CEIL_DIV(job.lanes, NR);
  job.partial_size = lane_blocks * job.taps * TG_CEIL_DIV(job.outputs, TG_ROWS) * TG_ROWS * NR;
  int64_t bytes = s->groups * job.partial_size * (int64_t)sizeof(T);
  job.splits = TG_MAX(1, TG_MIN(TG_MIN(s->n, TG_CEIL_DIV(TG_WEIGHT_CHUNKS, s->groups)), TG_PARTIAL_BYTES / bytes));
  job.parts = TG_MIN(lane_blocks, TG_CEIL_DIV(TG_WEIGHT_CHUNKS, job.splits * s->groups));
  job.blocks = TG_CEIL_DIV(lane_blocks, job.parts);
  job.parts = TG_CEIL_DIV(lane_blocks, job.blocks);
  job.partial = tg_scratch(TG_SCRATCH_B, job.splits * bytes);
  if (!job.partial) return;
  tg_parallel(job.splits * s->groups * job.parts, NAME(weight_chunk), &job);
  tg_parallel(s->groups, NAME(weight_finish), &job);
}
