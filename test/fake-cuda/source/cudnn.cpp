// The fake cuDNN: the three products of a two-dimensional convolution by plain loops, as commands of the handle's stream. What it offers
// first is what the device must not take: algorithms that round otherwise, and such as add in an open order; both show in the numbers.
#include <cmath>
#include <cstring>

#include "product.h"

namespace {

using namespace fake;

/// cudnnStatus_t, as version 9 numbers it.
enum Dnn { DNN_OK = 0, DNN_NOT_INITIALIZED = 1001, DNN_BAD_PARAM = 2000, DNN_NOT_SUPPORTED = 3000, DNN_EXECUTION_FAILED = 5000 };
enum Data { FLOAT = 0, DOUBLE = 1 };
enum Math { DEFAULT_MATH = 0, FMA_MATH = 3 };

struct DnnHandle {
  uint64_t stream = 0;
};
/// Images: n, c, h, w; weights: o, c of a group, h, w.
struct Sizes {
  int type = -1, of[4] = {0, 0, 0, 0};
};
struct Tensor : Sizes {};
struct Filter : Sizes {};
struct Convolution {
  int pad[2] = {0, 0}, stride[2] = {1, 1}, dilation[2] = {1, 1}, groups = 1, type = -1, math = DEFAULT_MATH;
};
std::set<DnnHandle *> dnnHandles;
std::set<Tensor *> tensors;
std::set<Filter *> filters;
std::set<Convolution *> convolutions;

/// cudnnConvolutionFwdAlgoPerf_t and its two sisters.
struct Performance {
  int algorithm, status;
  float time;
  size_t memory;
  int determinism, math, reserved[3];
};

enum Which { FORWARD, BACKWARD_DATA, BACKWARD_FILTER };

int wrong(const std::string &what) { return explain(DNN_BAD_PARAM, "cudnn: " + what); }

/// How an algorithm behaves.
struct Manner {
  bool isKnown, isDeterministic, isRounded;
  size_t workspace;
};
Manner mannerOf(Which which, int algorithm) {
  if (which == FORWARD) {
    if (algorithm == 0 || algorithm == 2) return {true, true, false, 0};
    if (algorithm == 1) return {true, true, false, 4096};
    if (algorithm == 6) return {true, true, true, 0};  // Winograd
  } else if (which == BACKWARD_DATA) {
    if (algorithm == 0) return {true, false, false, 0};
    if (algorithm == 1) return {true, true, false, 4096};
    if (algorithm == 4) return {true, true, true, 0};
  } else {
    if (algorithm == 0 || algorithm == 3) return {true, false, false, 0};
    if (algorithm == 1) return {true, true, false, 4096};
    if (algorithm == 5) return {true, true, true, 0};
  }
  return {false, false, false, 0};
}
const int OFFERED[3][4] = {{6, 1, 0, 2}, {4, 0, 1, -1}, {0, 5, 3, 1}};

int fits(const Tensor &x, const Filter &w, const Tensor &y, const Convolution &c) {
  if (x.type != w.type || x.type != y.type || c.type != x.type) return wrong("types that are not one");
  if (x.of[0] != y.of[0]) return wrong("other numbers of images");
  if (x.of[1] != w.of[1] * c.groups || y.of[1] != w.of[0] || w.of[0] % c.groups) return wrong("channels that do not fit");
  for (int i = 0; i < 2; i++) {
    const int window = (w.of[2 + i] - 1) * c.dilation[i] + 1, room = x.of[2 + i] + 2 * c.pad[i] - window;
    if (room < 0 || room / c.stride[i] + 1 != y.of[2 + i]) return wrong("an image of another size than the convolution has");
  }
  return DNN_OK;
}

/// One product; `order` mixes the order of sums, `rough` rounds as a transform does.
template <class T>
void convolve(Which which, const Tensor x, const Filter w, const Tensor y, const Convolution c, T *px, T *pw, T *py, T alpha, T beta, bool tf32, bool rough,
              uint64_t order) {
  const int groups = c.groups, makes = w.of[0] / groups, channels = w.of[1], H = x.of[2], W = x.of[3], OH = y.of[2], OW = y.of[3], R = w.of[2], S = w.of[3];
  auto X = [&](int n, int g, int ch, int h, int v) -> T & { return px[(((int64_t)n * x.of[1] + g * channels + ch) * H + h) * W + v]; };
  auto Y = [&](int n, int g, int o, int h, int v) -> T & { return py[(((int64_t)n * y.of[1] + g * makes + o) * OH + h) * OW + v]; };
  auto K = [&](int g, int o, int ch, int r, int s) -> T & { return pw[(((int64_t)(g * makes + o) * channels + ch) * R + r) * S + s]; };
  auto clean = [&](T v) -> T {
    if constexpr (sizeof(T) == 4) return tf32 ? asTf32(v) : v;
    else return v;
  };
  auto put = [&](T &at, T sum) {
    if (rough) sum *= (T)(1 + 1e-4);
    at = beta == 0 ? alpha * sum : alpha * sum + beta * at;
  };
  // Every product of the three, as (y's element, x's element, w's element); summed over two of them.
  std::vector<T> terms;
  auto total = [&]() {
    T sum = 0;
    const size_t n = terms.size(), from = n && order ? (size_t)(order % n) : 0;
    for (size_t i = 0; i < n; i++) sum += terms[(from + i) % n];
    terms.clear();
    return sum;
  };
  const int N = x.of[0];
  if (which == FORWARD) {
    for (int n = 0; n < N; n++) for (int g = 0; g < groups; g++) for (int o = 0; o < makes; o++) for (int h = 0; h < OH; h++) for (int v = 0; v < OW; v++) {
      for (int ch = 0; ch < channels; ch++) for (int r = 0; r < R; r++) for (int s = 0; s < S; s++) {
        const int i = h * c.stride[0] + r * c.dilation[0] - c.pad[0], j = v * c.stride[1] + s * c.dilation[1] - c.pad[1];
        if (i >= 0 && i < H && j >= 0 && j < W) terms.push_back(clean(X(n, g, ch, i, j)) * clean(K(g, o, ch, r, s)));
      }
      put(Y(n, g, o, h, v), total());
    }
  } else if (which == BACKWARD_DATA) {
    for (int n = 0; n < N; n++) for (int g = 0; g < groups; g++) for (int ch = 0; ch < channels; ch++) for (int i = 0; i < H; i++) for (int j = 0; j < W; j++) {
      for (int o = 0; o < makes; o++) for (int r = 0; r < R; r++) for (int s = 0; s < S; s++) {
        const int a = i + c.pad[0] - r * c.dilation[0], b = j + c.pad[1] - s * c.dilation[1];
        if (a < 0 || b < 0 || a % c.stride[0] || b % c.stride[1] || a / c.stride[0] >= OH || b / c.stride[1] >= OW) continue;
        terms.push_back(clean(Y(n, g, o, a / c.stride[0], b / c.stride[1])) * clean(K(g, o, ch, r, s)));
      }
      put(X(n, g, ch, i, j), total());
    }
  } else {
    for (int g = 0; g < groups; g++) for (int o = 0; o < makes; o++) for (int ch = 0; ch < channels; ch++) for (int r = 0; r < R; r++) for (int s = 0; s < S; s++) {
      for (int n = 0; n < N; n++) for (int h = 0; h < OH; h++) for (int v = 0; v < OW; v++) {
        const int i = h * c.stride[0] + r * c.dilation[0] - c.pad[0], j = v * c.stride[1] + s * c.dilation[1] - c.pad[1];
        if (i >= 0 && i < H && j >= 0 && j < W) terms.push_back(clean(X(n, g, ch, i, j)) * clean(Y(n, g, o, h, v)));
      }
      put(K(g, o, ch, r, s), total());
    }
  }
}

struct Product {
  Which which;
  const Tensor *x;
  const Filter *w;
  const Tensor *y;
  const Convolution *c;
};

int check(DnnHandle *handle, const Product &p) {
  if (!dnnHandles.count(handle)) return DNN_NOT_INITIALIZED;
  if (!tensors.count((Tensor *)p.x) || !tensors.count((Tensor *)p.y) || !filters.count((Filter *)p.w) || !convolutions.count((Convolution *)p.c))
    return wrong("a descriptor that is none");
  return fits(*p.x, *p.w, *p.y, *p.c);
}

int offer(DnnHandle *handle, const Product &p, int asked, int *count, Performance *found) {
  if (int r = check(handle, p)) return r;
  if (asked < 1) return wrong("no algorithm is asked for");
  *count = 0;
  for (int algorithm : OFFERED[p.which]) {
    if (algorithm < 0 || *count == asked) continue;
    const Manner m = mannerOf(p.which, algorithm);
    const bool refused = setting("CUDNN_REFUSES", 0) != 0;
    found[(*count)++] = {algorithm, refused ? DNN_NOT_SUPPORTED : DNN_OK, refused ? -1.0f : 0.1f, m.workspace, m.isDeterministic, p.c->math, {0, 0, 0}};
  }
  return DNN_OK;
}

int workspaceOf(DnnHandle *handle, const Product &p, int algorithm, size_t *bytes) {
  if (int r = check(handle, p)) return r;
  const Manner m = mannerOf(p.which, algorithm);
  if (!m.isKnown) return DNN_NOT_SUPPORTED;
  *bytes = m.workspace;
  return DNN_OK;
}

int run(DnnHandle *handle, const char *name, const Product &p, const void *alpha, const void *px, const void *pw, const void *py, int algorithm, void *workspace,
        size_t bytes, const void *beta) {
  if (int r = check(handle, p)) return r;
  if (ready()) return DNN_EXECUTION_FAILED;
  if (!alpha || !beta || !px || !pw || !py) return wrong("a null operand");
  const Manner m = mannerOf(p.which, algorithm);
  if (!m.isKnown) return DNN_NOT_SUPPORTED;
  if (bytes < m.workspace || (m.workspace && !withinDevice((uint64_t)workspace, m.workspace)))
    return wrong("a workspace that is too small, or not within one block of device memory");
  auto stream = streamOf(handle->stream);
  if (!stream) return DNN_EXECUTION_FAILED;
  const Which which = p.which;
  const Tensor x = *p.x, y = *p.y;
  const Filter w = *p.w;
  const Convolution c = *p.c;
  const double one = x.type == DOUBLE ? *(const double *)alpha : *(const float *)alpha, zero = x.type == DOUBLE ? *(const double *)beta : *(const float *)beta;
  const bool tf32 = x.type == FLOAT && c.math != FMA_MATH;
  const uint64_t order = m.isDeterministic ? 0 : seeded() | 1;
  auto command = [=] {
    if (m.workspace) memset(workspace, 0xff, m.workspace);
    if (x.type == DOUBLE)
      convolve<double>(which, x, w, y, c, (double *)px, (double *)pw, (double *)py, one, zero, false, m.isRounded, order);
    else convolve<float>(which, x, w, y, c, (float *)px, (float *)pw, (float *)py, (float)one, (float)zero, tf32, m.isRounded, order);
  };
  return enqueue(stream, name, command) == SUCCESS ? DNN_OK : DNN_EXECUTION_FAILED;
}

int sized(Sizes *of, int type, int a, int b, int c, int d) {
  if (type != FLOAT && type != DOUBLE) return DNN_NOT_SUPPORTED;
  if (a <= 0 || b <= 0 || c <= 0 || d <= 0) return wrong("a size that is not positive");
  of->type = type, of->of[0] = a, of->of[1] = b, of->of[2] = c, of->of[3] = d;
  return DNN_OK;
}

}  // namespace

API size_t cudnnGetVersion() { return (size_t)setting("CUDNN", 91400); }

API int cudnnCreate(DnnHandle **handle) {
  if (ready() || setting("CUDNN_FAILS", 0)) return DNN_NOT_INITIALIZED;
  dnnHandles.insert(*handle = new DnnHandle);
  return DNN_OK;
}

API int cudnnSetStream(DnnHandle *handle, uint64_t stream) {
  if (!dnnHandles.count(handle)) return DNN_NOT_INITIALIZED;
  if (!streamOf(stream)) return wrong("cudnnSetStream of what is no stream");
  handle->stream = stream;
  return DNN_OK;
}

API int cudnnCreateTensorDescriptor(Tensor **made) { return tensors.insert(*made = new Tensor), DNN_OK; }
API int cudnnCreateFilterDescriptor(Filter **made) { return filters.insert(*made = new Filter), DNN_OK; }
API int cudnnCreateConvolutionDescriptor(Convolution **made) { return convolutions.insert(*made = new Convolution), DNN_OK; }

API int cudnnSetTensor4dDescriptor(Tensor *of, int format, int type, int n, int c, int h, int w) {
  if (!tensors.count(of)) return wrong("a tensor that is none");
  return format == 0 ? sized(of, type, n, c, h, w) : DNN_NOT_SUPPORTED;
}
API int cudnnSetFilter4dDescriptor(Filter *of, int type, int format, int k, int c, int h, int w) {
  if (!filters.count(of)) return wrong("a filter that is none");
  return format == 0 ? sized(of, type, k, c, h, w) : DNN_NOT_SUPPORTED;
}
API int cudnnSetConvolution2dDescriptor(Convolution *of, int padH, int padW, int u, int v, int dilationH, int dilationW, int mode, int type) {
  if (!convolutions.count(of)) return wrong("a convolution that is none");
  if (padH < 0 || padW < 0 || u < 1 || v < 1 || dilationH < 1 || dilationW < 1) return wrong("a padding, stride or dilation that there is not");
  if (mode != 1) return explain(DNN_NOT_SUPPORTED, "cudnn: the fake has cross-correlations only");
  *of = Convolution{{padH, padW}, {u, v}, {dilationH, dilationW}, 1, type, DEFAULT_MATH};
  return DNN_OK;
}
API int cudnnSetConvolutionGroupCount(Convolution *of, int groups) {
  if (!convolutions.count(of) || groups < 1) return wrong("groups of a convolution that is none");
  return of->groups = groups, DNN_OK;
}
API int cudnnSetConvolutionMathType(Convolution *of, int math) {
  if (!convolutions.count(of) || math < 0 || math > 3) return wrong("arithmetic of a convolution that is none");
  return of->math = math, DNN_OK;
}

API int cudnnGetConvolutionForwardAlgorithm_v7(DnnHandle *h, Tensor *x, Filter *w, Convolution *c, Tensor *y, int asked, int *count, Performance *found) {
  return offer(h, {FORWARD, x, w, y, c}, asked, count, found);
}
API int cudnnGetConvolutionBackwardDataAlgorithm_v7(DnnHandle *h, Filter *w, Tensor *y, Convolution *c, Tensor *x, int asked, int *count, Performance *found) {
  return offer(h, {BACKWARD_DATA, x, w, y, c}, asked, count, found);
}
API int cudnnGetConvolutionBackwardFilterAlgorithm_v7(DnnHandle *h, Tensor *x, Tensor *y, Convolution *c, Filter *w, int asked, int *count, Performance *found) {
  return offer(h, {BACKWARD_FILTER, x, w, y, c}, asked, count, found);
}
API int cudnnGetConvolutionForwardWorkspaceSize(DnnHandle *h, Tensor *x, Filter *w, Convolution *c, Tensor *y, int algorithm, size_t *bytes) {
  return workspaceOf(h, {FORWARD, x, w, y, c}, algorithm, bytes);
}
API int cudnnGetConvolutionBackwardDataWorkspaceSize(DnnHandle *h, Filter *w, Tensor *y, Convolution *c, Tensor *x, int algorithm, size_t *bytes) {
  return workspaceOf(h, {BACKWARD_DATA, x, w, y, c}, algorithm, bytes);
}
API int cudnnGetConvolutionBackwardFilterWorkspaceSize(DnnHandle *h, Tensor *x, Tensor *y, Convolution *c, Filter *w, int algorithm, size_t *bytes) {
  return workspaceOf(h, {BACKWARD_FILTER, x, w, y, c}, algorithm, bytes);
}
API int cudnnConvolutionForward(DnnHandle *h, const void *alpha, Tensor *x, const void *px, Filter *w, const void *pw, Convolution *c, int algorithm,
                                void *workspace, size_t bytes, const void *beta, Tensor *y, void *py) {
  return run(h, "cudnnConvolutionForward", {FORWARD, x, w, y, c}, alpha, px, pw, py, algorithm, workspace, bytes, beta);
}
API int cudnnConvolutionBackwardData(DnnHandle *h, const void *alpha, Filter *w, const void *pw, Tensor *y, const void *py, Convolution *c, int algorithm,
                                     void *workspace, size_t bytes, const void *beta, Tensor *x, void *px) {
  return run(h, "cudnnConvolutionBackwardData", {BACKWARD_DATA, x, w, y, c}, alpha, px, pw, py, algorithm, workspace, bytes, beta);
}
API int cudnnConvolutionBackwardFilter(DnnHandle *h, const void *alpha, Tensor *x, const void *px, Tensor *y, const void *py, Convolution *c, int algorithm,
                                       void *workspace, size_t bytes, const void *beta, Filter *w, void *pw) {
  return run(h, "cudnnConvolutionBackwardFilter", {BACKWARD_FILTER, x, w, y, c}, alpha, px, pw, py, algorithm, workspace, bytes, beta);
}

API const char *cudnnGetErrorString(int status) {
  switch (status) {
    case DNN_OK: return "CUDNN_STATUS_SUCCESS";
    case DNN_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case DNN_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case DNN_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case DNN_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "CUDNN_UNKNOWN_STATUS";
  }
}
