"""Writes the reference files of this folder: operators of the golden vocabulary in forms that test/data/golden has no case of.

    pip install jax==0.10.2 && python test/data/operators/generate.py

Values, vjp, jvp and Hessian-vector products are JAX's own, in float64 on the CPU, from formulas that are written here after the
definitions in test/data/golden/README.md; `f32_error` is what JAX's float32 gives. Every number comes from the seed.
"""
import json
import pathlib
import re

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).parent
RNG = np.random.default_rng(20181129)


def real(*shape, lo=-2.0, hi=2.0):
    """Numbers with three decimals that are at least 0.01 apart, so that no maximum, sort or comparison meets a tie."""
    count = int(np.prod(shape))
    grid = np.linspace(lo, hi, max(count, 2) + 2)[1:-1]
    jitter = RNG.uniform(-0.2, 0.2, grid.shape) * (grid[1] - grid[0])
    return np.round(RNG.permutation(grid + jitter)[:count], 3).reshape(shape)


def positive(*shape):
    return real(*shape, lo=0.2, hi=3.0)


def whole(values):
    return np.array(values, dtype=np.int64)


def truth(values):
    return np.array(values, dtype=bool)


CASES = []


def case(name, op, f, *inputs, hvp=True, constant=(), **attrs):
    """`f` takes the inputs as JAX arrays; integer, truth and `constant` inputs (by position) are not differentiated."""
    CASES.append((name, op, f, inputs, hvp, constant, attrs))


def axes_of(axes):
    return None if axes is None else tuple(axes)


# Elementwise.
case("abs", "abs", jnp.abs, real(3, 4))
case("expm1", "expm1", jnp.expm1, real(3, 4))
case("log1p", "log1p", jnp.log1p, positive(3, 4))
case("rsqrt", "rsqrt", lambda x: 1 / jnp.sqrt(x), positive(3, 4))
case("cos", "cos", jnp.cos, real(3, 4))
case("tan", "tan", jnp.tan, real(3, 4, lo=-1.2, hi=1.2))
case("asin", "asin", jnp.arcsin, real(3, 4, lo=-0.9, hi=0.9))
case("cosh", "cosh", jnp.cosh, real(3, 4))
case("asinh", "asinh", jnp.arcsinh, real(3, 4))
case("leaky_relu", "leaky_relu", lambda x: jnp.where(x > 0, x, 0.1 * x), real(3, 4), slope=0.1)
case("elu", "elu", lambda x: jnp.where(x > 0, x, 1.5 * jnp.expm1(x)), real(3, 4), alpha=1.5)
case("erfc", "erfc", jsp.special.erfc, real(3, 4))
case("lgamma", "lgamma", jsp.special.gammaln, real(3, 4, lo=0.3, hi=6))
case("softsign", "softsign", lambda x: x / (1 + jnp.abs(x)), real(3, 4))
case("hardtanh", "hardtanh", lambda x: jnp.clip(x, -1, 1), real(3, 4))
case("floor", "floor", jnp.floor, real(3, 4))
case("clamp_above", "clamp", lambda x: jnp.minimum(x, 0.7), real(3, 4), hi=0.7)
case("clamp_below", "clamp", lambda x: jnp.maximum(x, -0.3), real(3, 4), lo=-0.3)
case("clamp_null", "clamp", lambda x: jnp.maximum(x, -0.3), real(5), lo=-0.3, hi=None)
case("sin_scalar", "sin", jnp.sin, real())
case("tanh_empty", "tanh", jnp.tanh, real(2, 0))
case("minimum_bcast", "minimum", jnp.minimum, real(3, 4), real(3, 1))
case("atan2_quadrants", "atan2", jnp.arctan2, whole([1, 2, -1, -2]) * 1.1, whole([2, -1, -2, 1]) * 0.7)
case("hypot", "hypot", jnp.hypot, real(2, 3), real(3))
case("remainder", "remainder", lambda a, b: a - b * jnp.floor(a / b), real(3, 3, lo=-4, hi=4), positive(3))
case("xlogy_zero", "xlogy", jsp.special.xlogy, np.array([0.0, 1.2, 2.5]), positive(3), hvp=False)
case("logaddexp_far", "logaddexp", jnp.logaddexp, np.array([800.0, -3.0, 1.5]), np.array([790.5, 2.0, -745.0]))
case("pow_const_cube", "pow", lambda a: a**3, real(5), exponent=3)
case("pow_const_half", "pow", lambda a: a**0.5, positive(5), exponent=0.5)
case("pow_const_inverse", "pow", lambda a: a**-2, real(2, 3), exponent=-2)
case("div_bcast", "div", jnp.divide, real(2, 3), positive(2, 1))
case("add_scalar", "add", jnp.add, real(), real(2, 3))
case("mul_size_one", "mul", jnp.multiply, real(1, 4), real(3, 1))
case("where_bcast", "where", jnp.where, truth([1, 0, 1, 0]), real(3, 1), real())

# Folds.
case("sum_negative_axis", "sum", lambda x: jnp.sum(x, -2), real(2, 3, 4), axes=[-2], keepdims=False)
case("mean_all", "mean", jnp.mean, real(3, 4), axes=None, keepdims=False)
case("mean_keep", "mean", lambda x: jnp.mean(x, (0, 2), keepdims=True), real(2, 3, 4), axes=[0, 2], keepdims=True)
case("prod_all_zero", "prod", jnp.prod, np.array([[1.5, 0.0], [-0.7, 2.2]]), axes=None, keepdims=False)
case("prod_keep", "prod", lambda x: jnp.prod(x, 0, keepdims=True), real(3, 2), axes=[0], keepdims=True)
case("reduce_max_all", "reduce_max", jnp.max, real(3, 4), axes=None, keepdims=False)
case("reduce_min", "reduce_min", lambda x: jnp.min(x, (0, 2)), real(2, 3, 4), axes=[0, 2], keepdims=False)
case("var_biased", "var", jnp.var, real(3, 4), axes=None, keepdims=False, correction=0)
case("std_keep", "std", lambda x: jnp.std(x, 1, ddof=1, keepdims=True), real(3, 5), axes=[1], keepdims=True, correction=1)
case("logsumexp_all", "logsumexp", jsp.special.logsumexp, real(3, 4, lo=-30, hi=900), axes=None, keepdims=False)
case("logsumexp_keep", "logsumexp", lambda x: jsp.special.logsumexp(x, (0, 2), keepdims=True), real(2, 3, 2), axes=[0, 2], keepdims=True)
case("norm_1", "norm", lambda x: jnp.sum(jnp.abs(x), 0), real(3, 4), p=1, axes=[0], keepdims=False)
case("norm_3_all", "norm", lambda x: jnp.sum(jnp.abs(x) ** 3) ** (1 / 3), real(3, 4), p=3, axes=None, keepdims=False)
case("norm_2_keep", "norm", lambda x: jnp.sqrt(jnp.sum(x * x, 1, keepdims=True)), real(3, 4), p=2, axes=[1], keepdims=True)
case("cumsum_first", "cumsum", lambda x: jnp.cumsum(x, 0), real(3, 4), axis=0)
case("cumprod", "cumprod", lambda x: jnp.cumprod(x, 1), real(3, 4), axis=1)
case("topk_three", "topk", lambda x: -jnp.sort(-x, -1)[..., :3], real(2, 2, 5), k=3)
case("sort", "sort", lambda x: jnp.sort(x, 0), real(4, 3), axis=0)
case("argmax", "argmax", lambda x: jnp.argmax(x, 1), real(3, 5), hvp=False, axis=1)

# Products and linear algebra.
case("matmul_vec_mat", "matmul", jnp.matmul, real(3), real(3, 4))
case("matmul_vec_batch", "matmul", jnp.matmul, real(3), real(2, 3, 4))
case("matmul_batch_vec", "matmul", jnp.matmul, real(2, 4, 3), real(3))
case("matmul_batch_bcast", "matmul", jnp.matmul, real(2, 1, 3, 4), real(3, 4, 2))
case("matmul_transpose_a", "matmul", lambda a, b: a.T @ b, real(4, 3), real(4, 2), transpose_a=True, transpose_b=False)
case("matmul_transpose_b_batch", "matmul", lambda a, b: a @ jnp.swapaxes(b, -1, -2), real(2, 3, 4), real(2, 5, 4), transpose_b=True)
case("matmul_empty", "matmul", jnp.matmul, real(2, 0), real(0, 3))
case("linear_plain", "linear", lambda x, w: x @ w.T, real(4, 3), real(2, 3))
case("linear_batch", "linear", lambda x, w, b: x @ w.T + b, real(2, 4, 3), real(2, 3), real(2))
case("outer", "outer", jnp.outer, real(3), real(4))
case("trace", "trace", jnp.trace, real(4, 4))
case("diag_part", "diag_part", jnp.diagonal, real(4, 4))
case("tril_above", "tril", lambda x: jnp.tril(x, 1), real(3, 4), k=1)
case("tril_below", "tril", lambda x: jnp.tril(x, -1), real(2, 4, 4), k=-1)
for equation, shapes in [("ij,jk->ik", [(2, 3), (3, 4)]), ("ii->i", [(3, 3)]), ("bij->bji", [(2, 3, 4)]), ("i,j->ij", [(2,), (3,)]), ("bhqd,bhkd->bhqk", [(1, 2, 3, 2), (1, 2, 4, 2)]), ("ij,ij->", [(2, 3), (2, 3)])]:
    case("einsum_" + re.sub(r"\W+", "_", equation).strip("_"), "einsum", lambda *xs, e=equation: jnp.einsum(e, *xs), *[real(*s) for s in shapes], equation=equation)
SQUARE = np.array([[2.1, -0.4, 0.3], [0.6, 1.7, -0.8], [-0.5, 0.2, 1.9]])
case("logabsdet", "logabsdet", lambda a: jnp.linalg.slogdet(a)[1], SQUARE - 3 * np.eye(3)[::-1])
case("solve", "solve", jnp.linalg.solve, SQUARE, real(3, 2))
case("solve_vector", "solve", jnp.linalg.solve, SQUARE, real(3))
case("triangular_solve_upper_transposed", "triangular_solve", lambda a, b: jsp.linalg.solve_triangular(a, b, trans=1, lower=False), SQUARE, real(3, 2), lower=False, transpose=True)

# Images.
DIMENSIONS = ("NCHW", "OIHW", "NCHW")


def conv(x, w, b=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    y = jax.lax.conv_general_dilated(x, w, stride, [(p, p) for p in padding], rhs_dilation=dilation, feature_group_count=groups, dimension_numbers=DIMENSIONS)
    return y if b is None else y + b[:, None, None]


def conv_transpose(x, w, b=None, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1):
    c, per, kh, kw = w.shape
    kernel = jnp.flip(w, (2, 3)).reshape(groups, c // groups, per, kh, kw).transpose(0, 2, 1, 3, 4).reshape(groups * per, c // groups, kh, kw)
    pads = [(d * (k - 1) - p, d * (k - 1) - p + o) for k, p, o, d in zip((kh, kw), padding, output_padding, dilation)]
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), pads, lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups, dimension_numbers=DIMENSIONS)
    return y if b is None else y + b[:, None, None]


def windows(x, kernel, stride, padding, dilation=(1, 1), fill=0.0):
    """[N, C, kh, kw, H', W']"""
    x = jnp.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding], constant_values=fill)
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation)]
    rows = [[x[:, :, i * dilation[0] : i * dilation[0] + sizes[0] * stride[0] : stride[0], j * dilation[1] : j * dilation[1] + sizes[1] * stride[1] : stride[1]] for j in range(kernel[1])] for i in range(kernel[0])]
    return jnp.stack([jnp.stack(row, 2) for row in rows], 2)


def unfold(x, kernel, stride, padding, dilation):
    w = windows(x, kernel, stride, padding, dilation)
    return w.reshape(x.shape[0], x.shape[1] * kernel[0] * kernel[1], -1)


def form(f, **attrs):
    return (lambda *xs: f(*xs, **attrs)), attrs


def formed(name, op, f, *inputs, shown=None, **attrs):
    g, _ = form(f, **attrs)
    case(name, op, g, *inputs, **(shown or attrs))


formed("conv2d_dilated", "conv2d", conv, real(1, 2, 6, 5), real(2, 2, 2, 2), stride=(1, 1), padding=(1, 0), dilation=(2, 1), groups=1)
formed("conv2d_depthwise", "conv2d", conv, real(2, 2, 4, 4), real(2, 1, 3, 3), real(2), stride=(2, 1), padding=(1, 1), dilation=(1, 1), groups=2)
formed("conv_transpose2d", "conv_transpose2d", conv_transpose, real(1, 2, 3, 3), real(2, 3, 2, 2), real(3), stride=(2, 2), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1)
formed("conv_transpose2d_groups", "conv_transpose2d", conv_transpose, real(1, 4, 3, 2), real(4, 1, 3, 3), stride=(2, 1), padding=(1, 1), output_padding=(1, 0), dilation=(1, 1), groups=2)
case("conv1d", "conv1d", lambda x, w, b: conv(x[:, :, None], w[:, :, None], b, (1, 2), (0, 1))[:, :, 0], real(2, 3, 6), real(2, 3, 3), real(2), stride=[2], padding=[1], dilation=[1], groups=1)
formed("max_pool2d_overlapping", "max_pool2d", lambda x, **a: windows(x, a["kernel"], a["stride"], a["padding"], fill=-np.inf).max((2, 3)), real(1, 2, 5, 4), kernel=(3, 2), stride=(1, 2), padding=(1, 1))
formed("avg_pool2d_excluded", "avg_pool2d", lambda x, **a: windows(x, a["kernel"], a["stride"], a["padding"]).sum((2, 3)) / windows(jnp.ones_like(x), a["kernel"], a["stride"], a["padding"]).sum((2, 3)), real(1, 1, 4, 4), kernel=(3, 3), stride=(2, 2), padding=(1, 1), count_include_pad=False)
formed("unfold2d", "unfold2d", unfold, real(1, 2, 4, 3), kernel=(2, 2), stride=(1, 1), padding=(1, 0), dilation=(1, 1))
case("upsample_nearest2d", "upsample_nearest2d", lambda x: jnp.repeat(jnp.repeat(x, 2, 2), 2, 3), real(1, 2, 2, 3), scale=2)

# Rows, losses and normalisation.
case("softmax_first", "softmax", lambda x: jax.nn.softmax(x, 0), real(3, 4), axis=0)
case("softmax_middle", "softmax", lambda x: jax.nn.softmax(x, 1), real(2, 3, 4, lo=-40, hi=700), axis=1)
case("log_softmax_first", "log_softmax", lambda x: jax.nn.log_softmax(x, 0), real(3, 4), axis=0)
LABELS = whole([2, 0, 4, 2])


def cross_entropy(x, reduction, smoothing):
    target = (1 - smoothing) * jax.nn.one_hot(LABELS, x.shape[1], dtype=x.dtype) + smoothing / x.shape[1]
    rows = -jnp.sum(target * jax.nn.log_softmax(x, 1), 1)
    return {"mean": jnp.mean, "sum": jnp.sum, "none": lambda r: r}[reduction](rows)


for reduction in ("mean", "sum", "none"):
    for smoothing in (0, 0.1):
        if (reduction, smoothing) != ("mean", 0):
            case(f"cross_entropy_{reduction}{'_smooth' if smoothing else ''}", "cross_entropy", lambda x, t, r=reduction, s=smoothing: cross_entropy(x, r, s), real(4, 5), LABELS, reduction=reduction, label_smoothing=smoothing)
case("bce_with_logits_sum", "bce_with_logits", lambda x, t: jnp.sum(jnp.logaddexp(0, x) - x * t), real(3, 4), real(3, 4, lo=0, hi=1), constant=(1,), reduction="sum")
case("huber_loss", "huber_loss", lambda a, b: jnp.mean(jnp.where(jnp.abs(a - b) <= 0.8, 0.5 * (a - b) ** 2, 0.8 * (jnp.abs(a - b) - 0.4))), real(3, 4), real(3, 4), delta=0.8)


def normalised(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / jnp.sqrt(x.var(axes, keepdims=True) + eps)


def per_channel(v, rank):
    return v.reshape((-1,) + (1,) * (rank - 2))


def batch_norm(x, w, b):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    return normalised(x, axes, 1e-5) * per_channel(w, x.ndim) + per_channel(b, x.ndim)


def group_norm(x, w, b, groups=2):
    grouped = x.reshape((x.shape[0], groups, -1))
    return normalised(grouped, (2,), 1e-5).reshape(x.shape) * per_channel(w, x.ndim) + per_channel(b, x.ndim)


case("layer_norm_two_axes", "layer_norm", lambda x, w, b: normalised(x, (1, 2), 1e-5) * w + b, real(2, 3, 4), real(3, 4), real(3, 4), normalized_shape=[3, 4], eps=1e-5)
case("batch_norm_rows", "batch_norm", batch_norm, real(5, 3), real(3), real(3), eps=1e-5)
case("batch_norm_images", "batch_norm", batch_norm, real(2, 3, 2, 2), real(3), real(3), eps=1e-5)
case("group_norm", "group_norm", group_norm, real(2, 4, 3), real(4), real(4), groups=2, eps=1e-5)
case("group_norm_images", "group_norm", group_norm, real(2, 4, 2, 2), real(4), real(4), groups=2, eps=1e-5)
case("rms_norm_batch", "rms_norm", lambda x, w: x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * w, real(2, 3, 4), real(4), eps=1e-6)
case("attention_full", "attention", lambda q, k, v: jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2) / 3**0.5, -1) @ v, real(2, 4, 3), real(2, 4, 3), real(2, 4, 3), causal=False)
case("embedding_matrix_of_ids", "embedding", lambda w, i: w[i], real(4, 3), whole([[0, 3, 3], [1, 0, 3]]))

# Indices.
INDEX = whole([[0, 2, 1], [2, 2, 0]])
case("gather_first", "gather", lambda x, i: jnp.take_along_axis(x, i, 0), real(3, 3), INDEX, axis=0)
case("gather_negative_axis", "gather", lambda x, i: jnp.take_along_axis(x, i, -1), real(2, 4), whole([[3, 0], [1, 1]]), axis=-1)
case("scatter_first", "scatter", lambda x, i, s: x.at[i, jnp.arange(2)[None, :]].set(s), real(4, 2), whole([[3, 0], [1, 2]]), real(2, 2), axis=0)
case("scatter_add_last", "scatter_add", lambda x, i, s: x.at[jnp.arange(2)[:, None], i].add(s), real(2, 3), INDEX, real(2, 3), axis=1)
case("index_select_last", "index_select", lambda x, i: x[:, i], real(2, 4), whole([3, 0, 3]), axis=1)
case("index_add", "index_add", lambda x, i, s: x.at[:, i].add(s), real(2, 4), whole([3, 0, 3]), real(2, 3), axis=1)
case("masked_fill", "masked_fill", lambda x, m: jnp.where(m, 0.25, x), real(3, 4), truth([1, 0, 0, 1]), value=0.25)

# Movement.
case("concat_first", "concat", lambda *xs: jnp.concatenate(xs, 0), real(1, 2, 2), real(2, 2, 2), axis=0)
case("concat_negative_axis", "concat", lambda *xs: jnp.concatenate(xs, -1), real(2, 1), real(2, 3), axis=-1)
case("stack_first", "stack", lambda *xs: jnp.stack(xs, 0), real(2, 3), real(2, 3), axis=0)
case("stack_last", "stack", lambda *xs: jnp.stack(xs, -1), real(2, 3), real(2, 3), axis=-1)
case("split_first", "split", lambda x: (x[:1], x[1:4], x[4:]), real(5, 2), axis=0, sizes=[1, 3, 1])
case("slice_backwards", "slice", lambda x: x[3:0:-1, ::2], real(4, 5), start=[3, None], stop=[0, None], step=[-1, 2])
case("slice_whole_backwards", "slice", lambda x: x[::-2], real(5), start=[None], stop=[None], step=[-2])
case("slice_from_the_end", "slice", lambda x: x[-3:-1], real(5, 2), start=[-3, None], stop=[-1, None], step=[1, 1])
case("slice_null", "slice", lambda x: x[:, 1:], real(3, 4), start=[None, 1], stop=[None, None], step=[None, None])
case("pad_reflect", "pad", lambda x: jnp.pad(x, [(1, 2), (0, 1)], mode="reflect"), real(3, 4), pads=[[1, 2], [0, 1]], mode="reflect")
case("pad_replicate", "pad", lambda x: jnp.pad(x, [(1, 2), (2, 0)], mode="edge"), real(3, 2), pads=[[1, 2], [2, 0]], mode="replicate")
case("transpose_plane", "transpose", lambda x: x.T, real(3, 4), perm=[1, 0])
case("reshape_flat", "reshape", jnp.ravel, real(2, 3, 2), shape=[-1])
case("broadcast_to", "broadcast_to", lambda x: jnp.broadcast_to(x, (2, 3, 4)), real(3, 1), shape=[2, 3, 4])
case("squeeze_two", "squeeze", lambda x: x.reshape(3, 2), real(1, 3, 1, 2), axes=[0, -2])
case("expand_dims", "expand_dims", lambda x: x[:, None], real(3, 2), axis=1)
case("expand_dims_last", "expand_dims", lambda x: x[..., None], real(3, 2), axis=-1)
case("flip", "flip", lambda x: x[::-1, :, ::-1], real(2, 3, 2), axes=[0, -1])
case("roll", "roll", lambda x: jnp.roll(x, 2, 1), real(3, 5), shift=2, axis=1)
case("roll_back", "roll", lambda x: jnp.roll(x, -4, 0), real(3, 2), shift=-4, axis=0)
case("tile_more_axes", "tile", lambda x: jnp.tile(x, (2, 1, 3)), real(2, 2), reps=[2, 1, 3])
case("repeat_interleave", "repeat_interleave", lambda x: jnp.repeat(x, 3, 1), real(2, 2), n=3, axis=1)
case("select_negative", "select", lambda x: x[:, -1], real(2, 3, 2), axis=1, i=-1)
case("index_put_slice", "index_put_slice", lambda x, v: x.at[1:3].set(v), real(4, 2), real(2, 2), start=1, stop=3)
case("index_put_slice_block", "index_put_slice", lambda x, v: x.at[0:2, 1:].set(v), real(3, 4), real(2, 3), start=[0, 1], stop=[2, 4])


def tensor(name, x):
    x = np.asarray(x)
    kind = "bool" if x.dtype == bool else "i64" if x.dtype.kind == "i" else "f64"
    flat = [float(v) if kind == "f64" else int(v) for v in x.ravel()]
    return {"name": name, "shape": list(x.shape), "dtype": kind, "data": [int(v) if v == int(v) else v for v in flat]}


def derivatives(f, inputs, diff, tangents, cotangents, dtype, hvp):
    """Outputs, vjp, jvp, hvp with floats of `dtype`."""
    cast = lambda x: jnp.asarray(x, dtype) if np.asarray(x).dtype.kind == "f" else jnp.asarray(x)
    xs = [cast(x) for x in inputs]

    def g(*free):
        full = list(xs)
        for i, v in zip(diff, free):
            full[i] = v
        y = f(*full)
        return y if isinstance(y, tuple) else (y,)

    free = [xs[i] for i in diff]
    ys, pull = jax.vjp(g, *free)
    if not jnp.issubdtype(ys[0].dtype, jnp.floating):
        return ys, None, None, None
    cts = tuple(cast(c) for c in cotangents(ys))
    ts = [cast(t) for t in tangents]
    phi = lambda *v: 0.5 * sum(jnp.sum(c * y * y) for c, y in zip(cts, g(*v)))
    second = jax.jvp(lambda *v: jax.grad(phi, tuple(range(len(v))))(*v), tuple(free), tuple(ts))[1] if hvp else None
    return ys, pull(cts), jax.jvp(g, tuple(free), tuple(ts))[1], second


def worst(got, want):
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(got, want)]
    return max((np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0)) for a, b in pairs), default=0.0)


def write(name, op, f, inputs, hvp, constant, attrs):
    inputs = [np.asarray(x) for x in inputs]
    diff = [i for i, x in enumerate(inputs) if x.dtype.kind == "f" and i not in constant]
    tangents = [real(*inputs[i].shape, lo=-1, hi=1) for i in diff]
    drawn = []

    def cotangents(ys):
        if not drawn:
            drawn.extend(real(*y.shape, lo=-1.5, hi=1.5) for y in ys)
        return drawn

    wide = derivatives(f, inputs, diff, tangents, cotangents, jnp.float64, hvp)
    narrow = derivatives(f, inputs, diff, tangents, cotangents, jnp.float32, hvp)
    keys = ("value", "vjp", "jvp", "hvp")
    names = [f"x{i}" for i in range(len(inputs))]
    outs = ["y"] if len(wide[0]) == 1 else [f"y{k}" for k in range(len(wide[0]))]
    pack = lambda names, xs: [tensor(n, x) for n, x in zip(names, xs)]
    content = {
        "format": "ad-golden/1",
        "kind": "op",
        "id": name,
        "op": op,
        "attrs": attrs,
        "inputs": [{**tensor(n, x), "diff": i in diff} for i, (n, x) in enumerate(zip(names, inputs))],
        "outputs": pack(outs, wide[0]),
    }
    if wide[1] is not None:
        free = [names[i] for i in diff]
        content |= {"cotangents": pack(outs, drawn), "vjp": pack(free, wide[1]), "tangents": pack(free, tangents), "jvp": pack(outs, wide[2])}
        if hvp:
            content["hvp"] = pack(free, wide[3])
    content["f32_error"] = {k: float(f"{worst(n, w):.2g}") for k, n, w in zip(keys, narrow, wide) if w is not None}
    finite = all(np.isfinite(t["data"]).all() for k in ("outputs", "vjp", "jvp", "hvp") for t in content.get(k, []))
    assert finite, f"{name} is not finite"
    (FOLDER / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


for stale in FOLDER.glob("*.json"):
    stale.unlink()
for entry in CASES:
    write(*entry)
print(f"{len(CASES)} cases")
