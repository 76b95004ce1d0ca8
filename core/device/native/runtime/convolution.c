/** The three products of a two-dimensional convolution: see convolution-correlate.h and convolution-weight.h for the methods. */
#include "scratch.h"
#include "trigrad.h"
#include "vector.h"

#define TG_CONVOLUTION(first, second)                                                                         \
  int64_t taps[3 * shape->kernel[0] * shape->kernel[1] + 1];                                                  \
  if (shape->product == TG_FORWARD) NAME(convolve_forward)(shape, first, second, out, epilogue, context, taps);                 \
  else if (shape->product == TG_INPUT) NAME(convolve_input)(shape, first, second, out, taps);                 \
  else NAME(convolve_weight)(shape, first, second, out);

#define T float
#define NAME(x) x##_f32
#undef NR
#undef LANES
#define LANES ((int64_t)(TG_VECTOR_BYTES / sizeof(T)))
#define NR (TG_VECTORS * LANES)
#include "convolution-correlate.h"
#include "convolution-weight.h"
void tg_convolution_f32(const tg_convolution *shape, const float *first, const float *second, float *out, tg_epilogue epilogue, void *context) {
  TG_CONVOLUTION(first, second)
}
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "convolution-correlate.h"
#include "convolution-weight.h"
void tg_convolution_f64(const tg_convolution *shape, const double *first, const double *second, double *out, tg_epilogue epilogue, void *context) {
  TG_CONVOLUTION(first, second)
}
#undef T
#undef NAME
