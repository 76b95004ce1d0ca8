"""The reference cases of products, factorisations, windows, losses, normalisation, indices and movement."""
import numpy as np
import torch
import torch.nn.functional as F

from cases import RANDOM, case, positive, real, truth, whole

# Products.
for a, b in (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((0, 2, 3), (3, 2)), ((4,), (2, 4, 1)), ((2, 1, 4), (4,))):
    case("products", "matmul", torch.matmul, real(*a), real(*b))
for ta, tb, a, b in ((True, False, (3, 2), (3, 4)), (False, True, (2, 3), (4, 3)), (True, True, (3, 2), (4, 3)), (True, True, (2, 3, 2), (2, 4, 3)), (False, True, (2, 2, 3), (4, 3))):
    case("products", "matmul", lambda x, y, p=ta, q=tb: (x.mT if p else x) @ (y.mT if q else y), real(*a), real(*b), attrs={"transpose_a": ta, "transpose_b": tb})
for x, bias in (((3,), True), ((2, 3), False), ((2, 3), True), ((2, 1, 2, 3), True), ((0, 3), True)):
    case("products", "linear", F.linear, real(*x), real(4, 3), *([real(4)] if bias else []))
for a, b in ((2, 3), (1, 1), (4, 1), (0, 2)):
    case("products", "outer", torch.outer, real(a), real(b))
EQUATIONS = {
    "i,i->": "3 3", "i,j->ij": "2 3", "ij->": "23", "ij->ji": "23", "ij": "23", "ba": "23", "ii->": "33", "ii": "33", "ii->i": "33", "ij->i": "23", "ij,jk": "23 34",
    "ij,kj->ik": "23 43", "ij,ij->ij": "23 23", "bij,bjk->bik": "223 232", "bij,bjk": "223 232", "...ij,...jk->...ik": "213 32", "...i->...": "213", "...ii->...i": "233",
    "i...,i...->...": "32 32", "ij,jk,kl->il": "23 32 24", "ij,jk,ki->": "23 32 22", "bhqd,bhkd->bhqk": "1222 1232", "a,b,c->abc": "2 2 3", "ijk,jil->kl": "232 322",
    "ii,i->i": "33 3", "iij->j": "332", "ij,j->i": "23 3", ",i->i": " 3", "ij , jk -> ik": "23 32", "i->i": "3", "iij,jk->ik": "223 32", "...,...->...": "22 2", "bn,anm,bm->ba": "23 232 22",
}
for equation, shapes in EQUATIONS.items():
    case("products", "einsum", lambda *xs, e=equation: torch.einsum(e, *xs), *[real(*(int(d) for d in s)) for s in shapes.split(" ")], attrs={"equation": equation})
for n in (1, 3):
    case("products", "trace", torch.trace, real(n, n))
for shape in ((1, 1), (3, 3)):
    case("products", "diag_part", torch.diagonal, real(*shape))
for k, shape in ((-3, (3, 3)), (-1, (3, 3)), (0, (2, 4)), (1, (4, 2)), (2, (2, 3, 3)), (5, (2, 2))):
    case("products", "tril", lambda x, d=k: torch.tril(x, d), real(*shape), attrs={"k": k})

# Factorisations and systems: well-conditioned matrices.
square = lambda *shape: real(*shape, lo=-1, hi=1) + 2.5 * np.eye(shape[-1])
for n in (1, 2, 4):
    a = real(n, n, lo=-1, hi=1)
    case("linear-algebra", "cholesky", lambda x: torch.linalg.cholesky((x + x.mT) / 2), np.round(a @ a.T + 1.5 * np.eye(n), 5), symmetric=True)
    case("linear-algebra", "inverse", torch.linalg.inv, square(n, n))
    case("linear-algebra", "det", torch.linalg.det, square(n, n))
    case("linear-algebra", "logabsdet", lambda x: torch.linalg.slogdet(x)[1], square(n, n))
    flipped = square(n, n)
    flipped[0] *= -1
    case("linear-algebra", "det", torch.linalg.det, flipped, name=f"negative_{n}")
    case("linear-algebra", "logabsdet", lambda x: torch.linalg.slogdet(x)[1], flipped, name=f"negative_{n}")
    for columns in ((), (1,), (3,)):
        case("linear-algebra", "solve", torch.linalg.solve, square(n, n), real(n, *columns))
PIVOT = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [2.0, 1.0, 0.0]])
for op, f in (("inverse", torch.linalg.inv), ("det", torch.linalg.det), ("logabsdet", lambda x: torch.linalg.slogdet(x)[1])):
    case("linear-algebra", op, f, PIVOT, name="needs_pivoting")
case("linear-algebra", "solve", torch.linalg.solve, PIVOT, real(3, 2), name="needs_pivoting")


def triangular(a, b, lower, transpose):
    t = torch.tril(a) if lower else torch.triu(a)
    return torch.linalg.solve_triangular(t.mT if transpose else t, b, upper=lower == transpose)


for lower in (True, False):
    for transpose in (True, False):
        for n, m in ((1, 1), (3, 2)):
            case("linear-algebra", "triangular_solve", lambda a, b, l=lower, t=transpose: triangular(a, b, l, t), square(n, n), real(n, m), attrs={"lower": lower, "transpose": transpose})

# Windows.
for x, w, bias, stride, padding, dilation, groups in (
    ((1, 1, 3, 3), (1, 1, 3, 3), False, (1, 1), (0, 0), (1, 1), 1), ((2, 2, 4, 5), (3, 2, 2, 3), True, (1, 1), (0, 0), (1, 1), 1), ((1, 2, 5, 4), (2, 2, 3, 3), True, (2, 1), (1, 2), (1, 1), 1),
    ((1, 2, 6, 5), (2, 2, 2, 2), False, (2, 2), (1, 0), (2, 3), 1), ((1, 4, 4, 4), (2, 2, 3, 3), True, (1, 1), (1, 1), (1, 1), 2), ((1, 3, 4, 4), (6, 1, 3, 3), False, (2, 2), (1, 1), (1, 1), 3),
    ((2, 2, 3, 3), (2, 2, 1, 1), True, (3, 2), (0, 0), (1, 1), 1), ((1, 1, 7, 2), (1, 1, 3, 1), False, (3, 1), (2, 0), (2, 1), 1), ((1, 2, 2, 2), (2, 1, 2, 2), True, (1, 1), (3, 3), (1, 1), 2)):
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    case("windows", "conv2d", lambda *xs, a=attrs: F.conv2d(*xs, **a), real(*x), real(*w), *([real(w[0])] if bias else []), attrs=attrs)
for x, w, bias, stride, padding, extra, dilation, groups in (
    ((1, 1, 2, 2), (1, 1, 2, 2), False, (1, 1), (0, 0), (0, 0), (1, 1), 1), ((1, 2, 3, 2), (2, 3, 3, 2), True, (2, 2), (1, 0), (1, 0), (1, 1), 1), ((2, 4, 2, 3), (4, 2, 3, 3), True, (2, 3), (1, 1), (1, 2), (1, 1), 2),
    ((1, 2, 3, 3), (2, 2, 2, 2), False, (1, 2), (1, 1), (0, 1), (2, 2), 1), ((1, 3, 2, 2), (3, 1, 3, 3), True, (3, 3), (0, 0), (2, 2), (1, 1), 3), ((1, 1, 4, 3), (1, 2, 3, 3), False, (1, 1), (2, 2), (0, 0), (1, 1), 1)):
    attrs = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation, "groups": groups}
    out = w[1] * groups
    case("windows", "conv_transpose2d", lambda *xs, a=attrs: F.conv_transpose2d(xs[0], xs[1], xs[2] if len(xs) > 2 else None, **a), real(*x), real(*w), *([real(out)] if bias else []), attrs=attrs)
for x, w, bias, stride, padding, dilation, groups in (((1, 1, 4), (1, 1, 4), False, 1, 0, 1, 1), ((2, 3, 6), (2, 3, 3), True, 2, 1, 1, 1), ((1, 4, 7), (4, 2, 2), True, 1, 2, 3, 2), ((1, 2, 5), (2, 1, 3), False, 3, 1, 1, 2)):
    attrs = {"stride": [stride], "padding": [padding], "dilation": [dilation], "groups": groups}
    case("windows", "conv1d", lambda *xs, a=attrs: F.conv1d(*xs, **a), real(*x), real(*w), *([real(w[0])] if bias else []), attrs=attrs)
for x, kernel, stride, padding in (((1, 1, 2, 2), (2, 2), (2, 2), (0, 0)), ((2, 2, 5, 4), (2, 3), (1, 2), (0, 1)), ((1, 1, 5, 5), (3, 3), (2, 2), (1, 1)), ((1, 2, 4, 3), (1, 1), (2, 2), (0, 0)), ((1, 1, 6, 5), (2, 2), (3, 3), (1, 0)), ((1, 1, 5, 7), (3, 3), (2, 2), (0, 0))):
    attrs = {"kernel": kernel, "stride": stride, "padding": padding}
    case("windows", "max_pool2d", lambda x, a=attrs: F.max_pool2d(x, a["kernel"], a["stride"], a["padding"]), real(*x), attrs=attrs)
    for counts in (True, False):
        case("windows", "avg_pool2d", lambda x, a=attrs, c=counts: F.avg_pool2d(x, a["kernel"], a["stride"], a["padding"], False, c), real(*x), attrs=attrs | {"count_include_pad": counts})
for x, kernel, stride, padding, dilation in (((1, 1, 2, 2), (2, 2), (1, 1), (0, 0), (1, 1)), ((2, 2, 4, 3), (2, 2), (2, 1), (1, 0), (1, 1)), ((1, 2, 5, 4), (2, 3), (1, 2), (0, 1), (2, 1)), ((1, 3, 3, 3), (1, 1), (1, 1), (0, 0), (1, 1))):
    attrs = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    case("windows", "unfold2d", lambda x, a=attrs: F.unfold(x, a["kernel"], a["dilation"], a["padding"], a["stride"]), real(*x), attrs=attrs)
for scale, x in ((1, (1, 1, 2, 2)), (2, (2, 1, 2, 3)), (3, (1, 2, 1, 2))):
    case("windows", "upsample_nearest2d", lambda x, s=scale: x.repeat_interleave(s, 2).repeat_interleave(s, 3), real(*x), attrs={"scale": scale})

# Losses.
reduced = {"mean": torch.mean, "sum": torch.sum, "none": lambda r: r}


def cross_entropy(x, t, reduction, smoothing):
    target = (1 - smoothing) * F.one_hot(t, x.shape[1]).to(x.dtype) + smoothing / x.shape[1]
    return reduced[reduction](-(target * torch.log_softmax(x, 1)).sum(1))


for reduction in reduced:
    for smoothing in (0, 0.1, 0.7):
        case("networks", "cross_entropy", lambda x, t, r=reduction, s=smoothing: cross_entropy(x, t, r, s), real(3, 4), whole([3, 0, 3]), attrs={"reduction": reduction, "label_smoothing": smoothing})
case("networks", "cross_entropy", lambda x, t: cross_entropy(x, t, "mean", 0), np.array([[500.0, -500.0], [-3.0, 400.0]]), whole([0, 0]), attrs={"reduction": "mean", "label_smoothing": 0}, name="far", smooth=False)
for reduction in ("mean", "sum"):
    for x in (real(2, 3), np.array([40.0, -40.0, 30.0])):
        case("networks", "bce_with_logits", lambda x, t, r=reduction: reduced[r](torch.logaddexp(x, torch.zeros_like(x)) - x * t), x, real(*x.shape, lo=0, hi=1), attrs={"reduction": reduction}, constant=(1,))
for shape in ((3, 4), (5,), (1,)):
    case("networks", "mse_loss", lambda a, b: ((a - b) ** 2).mean(), real(*shape), real(*shape) + 0.011)
for delta in (0.3, 1, 2.5):
    case("networks", "huber_loss", lambda a, b, d=delta: F.huber_loss(a, b, delta=d), real(3, 4), real(3, 4), attrs={"delta": delta})

# Normalisation, attention, dropout, embedding.


def normalised(x, axes, eps):
    return (x - x.mean(axes, keepdim=True)) / torch.sqrt(x.var(axes, correction=0, keepdim=True) + eps)


channels = lambda v, x: v.reshape(-1, *[1] * (x.ndim - 2))
for shape, last, eps in (((3, 4), 1, 1e-5), ((2, 3, 4), 1, 1e-3), ((2, 3, 4), 2, 1e-5), ((4,), 1, 0.1), ((2, 2, 3), 3, 1e-5)):
    size = shape[-last:]
    case("networks", "layer_norm", lambda x, w, b, s=size, e=eps: F.layer_norm(x, s, w, b, e), real(*shape), real(*size), real(*size), attrs={"normalized_shape": size, "eps": eps})
for shape, eps in (((5, 3), 1e-5), ((2, 3, 4), 1e-3), ((2, 2, 3, 2), 1e-5), ((2, 2, 1, 3, 2), 0.1)):
    case("networks", "batch_norm", lambda x, w, b, e=eps: normalised(x, tuple(i for i in range(x.ndim) if i != 1), e) * channels(w, x) + channels(b, x), real(*shape), real(shape[1]), real(shape[1]), attrs={"eps": eps})
for shape, groups in (((2, 4, 3), 1), ((2, 4, 3), 4), ((2, 4, 2, 2), 2), ((1, 6, 2), 3)):
    case("networks", "group_norm", lambda x, w, b, g=groups: F.group_norm(x, g, w, b, 1e-5), real(*shape), real(shape[1]), real(shape[1]), attrs={"groups": groups, "eps": 1e-5})
for shape, eps in (((4,), 1e-6), ((3, 4), 1e-6), ((2, 2, 3), 0.1)):
    case("networks", "rms_norm", lambda x, w, e=eps: x / torch.sqrt((x * x).mean(-1, keepdim=True) + e) * w, real(*shape), real(shape[-1]), attrs={"eps": eps})
for p in (0, 0.25, 0.9):
    case("networks", "dropout_mask", lambda x, m, q=p: x * m / (1 - q), real(3, 4), RANDOM.random((3, 4)) >= p, attrs={"p": p})
for causal in (True, False):
    for b, t, d in ((1, 1, 2), (2, 3, 4), (1, 5, 1)):
        def attend(q, k, v, c=causal):
            s = q @ k.mT / q.shape[-1] ** 0.5
            return torch.softmax(s.masked_fill(torch.triu(torch.ones_like(s), 1) > 0, -torch.inf) if c else s, -1) @ v
        case("networks", "attention", attend, real(b, t, d), real(b, t, d), real(b, t, d), attrs={"causal": causal})
for ids in ([2], [[0, 3, 3], [3, 3, 1]], [[[1]]], 2, np.zeros((0,))):
    case("networks", "embedding", lambda w, i: w[i], real(4, 3), whole(ids))

# Indices.
for axis, shape, index in ((0, (3, 2), [[2, 0], [2, 1], [0, 0], [1, 1]]), (1, (2, 3), [[2, 2, 0, 1], [0, 0, 0, 2]]), (-1, (2, 3), [[1], [2]]), (0, (4,), [3, 3, 0]), (1, (2, 3, 2), [[[2, 0]], [[1, 1]]]), (2, (1, 2, 3), [[[0, 0, 2], [1, 2, 2]]])):
    index = whole(index)
    case("indexing", "gather", lambda x, i, a=axis: torch.gather(x, a, i), real(*shape), index, attrs={"axis": axis})
    case("indexing", "scatter_add", lambda x, i, s, a=axis: x.scatter_add(a, i, s), real(*shape), index, real(*index.shape), attrs={"axis": axis})
for axis, shape, index in ((0, (3, 2), [[2, 0], [0, 1]]), (1, (2, 4), [[3, 0], [1, 2]]), (-1, (2, 3), [[1], [2]]), (0, (4,), [3, 1]), (1, (2, 3, 2), [[[2, 0]], [[1, 1]]])):
    index = whole(index)
    case("indexing", "scatter", lambda x, i, s, a=axis: x.scatter(a, i, s), real(*shape), index, real(*index.shape), attrs={"axis": axis})
for axis, shape, index in ((0, (3, 2), [2, 2, 0, 2]), (1, (2, 3), [0]), (-1, (2, 3, 2), [1, 0, 1]), (0, (4,), [3, 3]), (-2, (2, 3, 2), [2, 1]), (0, (2, 2), [])):
    size = list(shape)
    size[axis] = len(index)
    case("indexing", "index_select", lambda x, i, a=axis: x.index_select(a, i), real(*shape), whole(index), attrs={"axis": axis})
    case("indexing", "index_add", lambda x, i, s, a=axis: x.index_add(a, i, s), real(*shape), whole(index), real(*size), attrs={"axis": axis})
for shape, axis, i in (((3,), 0, 1), ((2, 3), 0, 1), ((2, 3), -1, -3), ((2, 3, 2), 1, 2), ((2, 3, 2), -2, -1)):
    case("indexing", "select", lambda x, a=axis, k=i: x.select(a, k), real(*shape), attrs={"axis": axis, "i": i})


def cut(x, start, stop, step):
    """Python's slice on each axis, by positions, since PyTorch has no negative steps."""
    for axis, bounds in enumerate(zip(start, stop, step)):
        x = x.index_select(axis, torch.tensor(range(x.shape[axis])[slice(*bounds)], dtype=torch.int64))
    return x


for shape, start, stop, step in (((5,), [1], [4], [1]), ((5,), [None], [None], [-1]), ((5,), [4], [0], [-2]), ((5,), [-2], [None], [1]), ((5,), [None], [-3], [2]), ((4, 5), [0, -1], [4, None], [3, -2]), ((4, 5), [3, 1], [None, 100], [-1, 2]), ((5,), [3], [3], [1]), ((3, 2, 4), [None, 1, -3], [None, 2, -1], [None, None, None]), ((5,), [-100], [2], [1]), ((3, 4), [2, 3], [0, 0], [-1, -3])):
    case("indexing", "slice", lambda x, a=start, o=stop, e=step: cut(x, a, o, e), real(*shape), attrs={"start": start, "stop": stop, "step": step})


def assigned(x, v, *bounds):
    y = x.clone()
    y[tuple(slice(*b) for b in bounds)] = v
    return y


for shape, v, bounds in (((5,), (2,), [(1, 3)]), ((4, 3), (2, 3), [(1, 3), (None, None)]), ((4, 3), (2, 2), [(0, 2), (1, 3)]), ((4, 3), (2, 1), [(-2, None), (-1, None)]), ((5,), (), [(1, 4)])):
    bounds = [tuple(b) for b in bounds]
    attrs = {"start": [b[0] for b in bounds], "stop": [b[1] for b in bounds]}
    case("indexing", "index_put_slice", lambda x, v, b=bounds: assigned(x, v, *b), real(*shape), real(*v), attrs=attrs)

# Movement.
for axis, shapes in ((0, [(1, 2), (3, 2)]), (1, [(2, 1), (2, 2), (2, 1)]), (-1, [(2, 2, 1), (2, 2, 3)]), (0, [(3,)]), (0, [(0, 2), (2, 2)])):
    case("movement", "concat", lambda *xs, a=axis: torch.cat(xs, a), *[real(*s) for s in shapes], attrs={"axis": axis})
for axis, shape, n in ((0, (2, 2), 2), (1, (2, 3), 3), (-1, (2, 3), 2), (0, (), 3), (-2, (2,), 1)):
    case("movement", "stack", lambda *xs, a=axis: torch.stack(xs, a), *[real(*shape) for _ in range(n)], attrs={"axis": axis})
for axis, shape, sizes in ((0, (4,), [1, 3]), (1, (2, 5), [2, 2, 1]), (-1, (2, 1, 3), [1, 1, 1]), (0, (3, 2), [0, 3]), (-2, (4, 2), [2, 2])):
    case("movement", "split", lambda x, a=axis, s=sizes: torch.split(x, s, a), real(*shape), attrs={"axis": axis, "sizes": sizes})


def padded(x, pads, mode, value):
    """By positions, since PyTorch pads only some ranks: -1 stands for the constant."""
    for axis, (before, after) in enumerate(pads):
        n = x.shape[axis]
        at = np.pad(np.arange(n), (before, after), **({"constant_values": -1} if mode == "constant" else {}), mode={"replicate": "edge"}.get(mode, mode))
        inside = torch.tensor(at >= 0).reshape(-1, *[1] * (x.ndim - axis - 1))
        rows = x.index_select(axis, torch.tensor(np.maximum(at, 0))) if n else x.new_zeros(*x.shape[:axis], len(at), *x.shape[axis + 1 :])
        x = torch.where(inside, rows, torch.tensor(value, dtype=x.dtype))
    return x


for mode, value, shape, pads in (("constant", 0, (3,), [[1, 2]]), ("constant", -1.5, (2, 3), [[0, 0], [2, 1]]), ("constant", 2, (2, 1, 2), [[1, 0], [0, 1], [1, 1]]), ("reflect", 0, (4,), [[3, 2]]), ("reflect", 0, (2, 3), [[1, 1], [2, 0]]), ("reflect", 0, (1, 2, 3, 3), [[0, 0], [0, 0], [2, 1], [1, 2]]), ("replicate", 0, (3,), [[2, 4]]), ("replicate", 0, (1, 3), [[2, 1], [0, 3]]), ("replicate", 0, (1, 1, 2, 2), [[0, 0], [0, 0], [1, 1], [2, 2]])):
    case("movement", "pad", lambda x, p=pads, m=mode, v=value: padded(x, p, m, v), real(*shape), attrs={"pads": pads, "mode": mode, **({"value": value} if mode == "constant" else {})})
for shape, perm in (((2, 3), [1, 0]), ((2, 3), [0, 1]), ((2, 3, 4), [2, 1, 0]), ((2, 3, 2, 1), [3, 0, 2, 1]), ((2, 3, 4), [-1, 0, 1]), ((3,), [0])):
    case("movement", "transpose", lambda x, p=perm: x.permute(p), real(*shape), attrs={"perm": perm})
for shape, to in (((2, 3), [-1]), ((6,), [2, 3]), ((2, 3), [3, -1]), ((1,), []), ((), [1, 1]), ((0, 3), [3, 0]), ((2, 3, 2), [2, 1, 6])):
    case("movement", "reshape", lambda x, s=to: x.reshape(s), real(*shape), attrs={"shape": to})
for shape, to in (((3,), [2, 3]), ((), [2, 2]), ((2, 1), [2, 4]), ((1, 3, 1), [2, 2, 3, 2]), ((2, 3), [2, 3]), ((1,), [0])):
    case("movement", "broadcast_to", lambda x, s=to: x.broadcast_to(s), real(*shape), attrs={"shape": to})
for shape, axes in (((1, 2), [0]), ((2, 1, 3, 1), [1, 3]), ((2, 1), [-1]), ((1, 1), [0, -1])):
    case("movement", "squeeze", lambda x, a=axes: x.reshape([d for i, d in enumerate(x.shape) if i not in {k % x.ndim for k in a}]), real(*shape), attrs={"axes": axes})
for shape, axis in (((2,), 0), ((2, 3), 1), ((2, 3), -1), ((), 0), ((2, 3), -2)):
    case("movement", "expand_dims", lambda x, a=axis: x.unsqueeze(a), real(*shape), attrs={"axis": axis})
for shape, axes in (((4,), [0]), ((2, 3), [0, 1]), ((2, 3), [-1]), ((2, 3, 2), [0, -1])):
    case("movement", "flip", lambda x, a=axes: x.flip(a), real(*shape), attrs={"axes": axes})
for shape, shift, axis in (((5,), 2, 0), ((5,), -7, 0), ((2, 3), 3, 1), ((2, 3), 13, -1), ((4, 2), 0, 0), ((4, 2), -1, -2)):
    case("movement", "roll", lambda x, s=shift, a=axis: x.roll(s, a), real(*shape), attrs={"shift": shift, "axis": axis})
for shape, reps in (((3,), [2]), ((2, 2), [1, 3]), ((2,), [2, 2]), ((1, 2), [2, 1]), ((), [3]), ((2, 2), [3, 1, 2])):
    case("movement", "tile", lambda x, r=reps: x.tile(r), real(*shape), attrs={"reps": reps})
for shape, n, axis in (((3,), 2, 0), ((2, 2), 3, 1), ((2, 2), 1, 0), ((2, 3, 2), 2, -2), ((2, 2), 2, -1)):
    case("movement", "repeat_interleave", lambda x, k=n, a=axis: x.repeat_interleave(k, a), real(*shape), attrs={"n": n, "axis": axis})
