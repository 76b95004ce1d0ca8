"""The reference cases by family: each operator's formula in PyTorch after its definition, with inputs and attributes."""
import itertools

import numpy as np
import torch
import torch.nn.functional as F

RANDOM = np.random.default_rng(20260314)


class Case:
    """`f` takes the inputs in order. Float inputs are differentiated unless their position is in `constant`."""

    def __init__(self, name, op, f, inputs, attrs, *, smooth=True, constant=(), hvp=None, symmetric=False, convention=None):
        self.name, self.op, self.f, self.attrs = name, op, f, attrs
        self.inputs = [np.asarray(x) for x in inputs]
        self.diff = [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f" and i not in constant]
        self.smooth, self.symmetric, self.convention = smooth, symmetric, convention
        self.hvp = smooth if hvp is None else hvp


FAMILIES = {}
NUMBERS = {}


def case(family, op, f, *inputs, attrs=None, name=None, **how):
    """Adds a case; without a name it is numbered within its operator."""
    NUMBERS[op] = NUMBERS.get(op, 0) + 1
    FAMILIES.setdefault(family, []).append(Case(f"{op}-{name or NUMBERS[op]}", op, f, inputs, attrs or {}, **how))


def real(*shape, lo=-2.0, hi=2.0):
    """Numbers of three decimals, spread evenly and shuffled: no two are close, none is within 0.005 of zero."""
    count = int(np.prod(shape))
    grid = np.linspace(lo, hi, max(count, 2) + 2)[1:-1]
    moved = np.round(RANDOM.permutation(grid + RANDOM.uniform(-0.2, 0.2, grid.shape) * (grid[1] - grid[0]))[:count], 3)
    return np.where(np.abs(moved) < 0.005, 0.017, moved).reshape(shape).astype(float)


def positive(*shape):
    return real(*shape, lo=0.2, hi=3.0)


def whole(values):
    return np.array(values, dtype=np.int64)


def truth(values):
    return np.array(values, dtype=bool)


# Elementwise, one operand: a matrix, a scalar, an empty tensor, one element, large and small numbers.
SQRT2PI = (2 / np.pi) ** 0.5
gelu_tanh = lambda x: 0.5 * x * (1 + torch.tanh(SQRT2PI * (x + 0.044715 * x**3)))
unit, wide = (-0.95, 0.95), (-3.0, 3.0)
UNARY = {
    "neg": (torch.neg, wide), "abs": (torch.abs, wide), "exp": (torch.exp, wide), "expm1": (torch.expm1, wide), "log": (torch.log, (0.1, 5)),
    "log1p": (torch.log1p, (-0.9, 4)), "sqrt": (torch.sqrt, (0.1, 5)), "rsqrt": (torch.rsqrt, (0.1, 5)), "square": (lambda x: x * x, wide),
    "reciprocal": (lambda x: 1 / x, (0.2, 3)), "sin": (torch.sin, (-7, 7)), "cos": (torch.cos, (-7, 7)), "tan": (torch.tan, (-1.3, 1.3)),
    "asin": (torch.asin, unit), "acos": (torch.acos, unit), "atan": (torch.atan, (-5, 5)), "sinh": (torch.sinh, wide), "cosh": (torch.cosh, wide),
    "tanh": (torch.tanh, wide), "asinh": (torch.asinh, (-5, 5)), "sigmoid": (torch.sigmoid, (-6, 6)), "log_sigmoid": (F.logsigmoid, (-30, 30)),
    "relu": (torch.relu, wide), "silu": (lambda x: x * torch.sigmoid(x), (-6, 6)), "softplus": (lambda x: torch.logaddexp(x, torch.zeros_like(x)), (-30, 30)),
    "erf": (torch.erf, wide), "erfc": (torch.erfc, wide), "lgamma": (torch.lgamma, (0.2, 8)), "softsign": (lambda x: x / (1 + x.abs()), wide),
    "hardtanh": (lambda x: torch.clamp(x, -1, 1), (-0.93, 2.7)), "sign": (torch.sign, wide), "floor": (torch.floor, (-2.9, 2.95)),
}
for op, (f, (lo, hi)) in UNARY.items():
    for name, shape in (("matrix", (2, 4)), ("scalar", ()), ("empty", (0, 3)), ("one", (1, 1, 1))):
        case("elementwise", op, f, real(*shape, lo=lo, hi=hi), name=name)
for op, lo, hi in (("exp", -30, 30), ("expm1", -1e-4, 1e-4), ("log1p", -1e-4, 1e-4), ("erfc", 2, 5), ("lgamma", -2.8, -2.2), ("log", 1e3, 1e5), ("sigmoid", -30, 30), ("tanh", -12, 12), ("silu", -20, 20), ("sinh", -1e-3, 1e-3), ("asinh", 1e2, 1e4), ("reciprocal", -4, -0.5), ("sin", -50, 50)):
    values = RANDOM.uniform(lo, hi, 6)
    case("elementwise", op, UNARY[op][0], np.round(values, 5 if hi < 100 else 2), name="range", smooth=hi < 100 and op != "exp", hvp=True)
for slope in (0.01, 0.3, 0, -0.5):
    case("elementwise", "leaky_relu", lambda x, s=slope: torch.where(x > 0, x, s * x), real(2, 4), attrs={"slope": slope})
for alpha in (1, 0.4, 2.5):
    case("elementwise", "elu", lambda x, a=alpha: torch.where(x > 0, x, a * torch.expm1(x)), real(2, 4), attrs={"alpha": alpha})
for way, f in (("none", lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5))), ("tanh", gelu_tanh)):
    for shape in ((2, 4), (), (0,)):
        case("elementwise", "gelu", f, real(*shape, lo=-4, hi=4), attrs={"approximate": way})


def clamp(x, lo=None, hi=None):
    """Derivative 1 at the bounds, by the definition; PyTorch's own derivative there has changed between versions."""
    y = torch.clamp(x, lo, hi)
    return torch.where(y == x, x, y.detach())


for attrs in ({"lo": -0.5, "hi": 0.8}, {"lo": -0.5}, {"hi": 0.8}, {"lo": None, "hi": 0.3}, {"lo": 0.1, "hi": None}):
    case("elementwise", "clamp", lambda x, a=attrs: clamp(x, **a), real(2, 4), attrs=attrs)
for exponent in (0, 1, 2, 3, -1, -2):
    case("elementwise", "pow", lambda x, e=exponent: torch.pow(x, e) if e else torch.ones_like(x) + 0 * x, real(5), attrs={"exponent": exponent}, name=f"exponent_{exponent}")
for exponent in (0.5, 1.5, -0.5, 2.7):
    case("elementwise", "pow", lambda x, e=exponent: torch.pow(x, e), positive(5), attrs={"exponent": exponent}, name=f"exponent_{exponent}")
for exponent in (0, 1, 2, 3):
    f = lambda x, e=exponent: torch.pow(x, e) if e else torch.ones_like(x) + 0 * x
    case("elementwise", "pow", f, np.array([0.0, -1.5, 0.7]), attrs={"exponent": exponent}, name=f"at_zero_{exponent}", hvp=True)

# Elementwise, several operands: every form of broadcasting.
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow, "maximum": torch.maximum, "minimum": torch.minimum,
    "atan2": torch.atan2, "logaddexp": torch.logaddexp, "hypot": torch.hypot, "xlogy": torch.xlogy, "remainder": lambda a, b: a - b * torch.floor(a / b),
}
SHAPES = {"same": ((2, 3), (2, 3)), "row": ((2, 3), (3,)), "columns": ((2, 1), (1, 3)), "scalar": ((), (2, 2)), "ones": ((1, 1), (2, 1, 3)), "empty": ((0, 3), (1, 3))}
for op, f in BINARY.items():
    for name, (a, b) in SHAPES.items():
        first = positive(*a) if op in ("pow", "xlogy") else real(*a)
        second = positive(*b) + 0.0137 if op in ("div", "remainder", "xlogy") else real(*b) + 0.0137
        case("broadcasting", op, f, first, second, name=name)
case("broadcasting", "remainder", BINARY["remainder"], real(4), np.array([-0.7, 0.9, -1.3, 2.1]), name="negative_divisor")
case("broadcasting", "logaddexp", lambda a, b: torch.logsumexp(torch.stack([a, b]), 0), np.array([900.0, -900.0, 2.0]), np.array([-900.0, 900.0, 2.0]), name="far")
case("broadcasting", "xlogy", torch.xlogy, np.array([0.0, 1.5]), np.array([0.7, 2.0]), name="zero", smooth=False)
for name, (m, a, b) in {"same": ((2, 2), (2, 2), (2, 2)), "row": ((2,), (2, 2), ()), "columns": ((2, 1), (1, 2), (2, 2)), "empty": ((0, 2), (0, 2), (2,))}.items():
    case("broadcasting", "where", torch.where, RANDOM.random(m) < 0.5, real(*a), real(*b), name=name)
case("broadcasting", "where", lambda c, a, b: torch.where(c, a, b), truth([True, False, True]), real(3), real(3), name="exact_zero")
for name, m, value in (("same", (2, 3), 0.5), ("row", (3,), -2), ("column", (2, 1), 0)):
    case("broadcasting", "masked_fill", lambda x, k, v=value: x.masked_fill(k, v), real(2, 3), RANDOM.random(m) < 0.5, attrs={"value": value}, name=name)

# Ties and kinks.
T = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
tie = {"smooth": False}
case("kinks", "abs", torch.abs, np.array([0.0, -1.0, 2.0]), name="zero", convention="derivative 0 at 0", **tie)
case("kinks", "sign", torch.sign, np.array([0.0, -1.0, 2.0]), name="zero", **tie)
case("kinks", "relu", torch.relu, np.array([0.0, -1.0, 2.0]), name="zero", convention="derivative 0 at 0", **tie)
case("kinks", "leaky_relu", lambda x: torch.where(x > 0, x, 0.2 * x), np.array([0.0, -1.0, 2.0]), attrs={"slope": 0.2}, name="zero", convention="slope at 0", **tie)
case("kinks", "elu", lambda x: torch.where(x > 0, x, 1.5 * torch.expm1(x)), np.array([0.0, -1.0, 2.0]), attrs={"alpha": 1.5}, name="zero", convention="alpha at 0", **tie)
case("kinks", "clamp", lambda x: clamp(x, -1, 1), np.array([-1.0, 1.0, 0.3, 2.0]), attrs={"lo": -1, "hi": 1}, name="bounds", convention="derivative 1 at the bounds", **tie)
case("kinks", "floor", torch.floor, np.array([-1.0, 0.0, 2.0]), name="integers", **tie)
for op in ("maximum", "minimum"):
    case("kinks", op, BINARY[op], T, np.array([1.0, 3.0, 2.0]), name="ties", convention="half to each at a tie", **tie)
for (op, f), (name, axes, keep) in itertools.product((("reduce_max", torch.amax), ("reduce_min", torch.amin)), (("all", None, False), ("rows", [1], False), ("keep", [0], True), ("negative", [-1], True))):
    run = lambda x, g=f, a=axes, k=keep: g(x, tuple(range(x.ndim)) if a is None else a, k)
    case("kinks", op, run, T, attrs={"axes": axes, "keepdims": keep}, name=f"ties_{name}", convention="even split among ties", **tie)
case("kinks", "argmax", lambda x: torch.tensor([1, 0]), T, attrs={"axis": 1}, name="ties", constant=(0,), convention="the first maximum")
FIRST = np.array([[[[1.0, 2, 2, 0], [2, 2, 1, 1], [0, 0, 3, 3], [0, 0, 3, 3]]]])
for kernel, stride, padding in (((2, 2), (2, 2), (0, 0)), ((3, 3), (1, 1), (1, 1)), ((2, 2), (1, 1), (0, 0))):
    attrs = {"kernel": kernel, "stride": stride, "padding": padding}
    case("kinks", "max_pool2d", lambda x, a=attrs: F.max_pool2d(x, a["kernel"], a["stride"], a["padding"]), FIRST, attrs=attrs, convention="the first maximum in row-major order", **tie)
case("kinks", "huber_loss", lambda a, b: F.huber_loss(a, b, delta=0.5), np.array([1.0, 2.0, 0.0]), np.array([0.5, 2.0, 0.5]), attrs={"delta": 0.5}, name="delta", **tie)
for p in (1, 2):
    case("kinks", "norm", lambda x, q=p: torch.linalg.vector_norm(x, q, (1,)), np.array([[0.0, 0, 0], [1.0, -2.0, 0.5]]), attrs={"p": p, "axes": [1], "keepdims": False}, name=f"zero_vector_{p}", convention="gradient 0 at the zero vector", **tie)

# Reductions.
AXES = {"all": (None, False), "all_keep": (None, True), "first": ([0], False), "last_keep": ([-1], True), "outer": ([0, 2], False), "inner_keep": ([1, -1], True), "none_left": ([-3, 1, 2], False)}


def product(x, axes, keep):
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        rows = x.unbind(axis)
        total = torch.ones_like(x.sum(axis)) if not rows else rows[0]
        for row in rows[1:]:
            total = total * row
        x = total.unsqueeze(axis)
    return x if keep else x.reshape([d for i, d in enumerate(x.shape) if i not in {a % x.ndim for a in axes}])


def manhattan(x, axes, keep):
    return x.abs().sum(axes, keep)


REDUCTIONS = {"sum": torch.sum, "mean": torch.mean, "prod": product, "reduce_max": torch.amax, "reduce_min": torch.amin, "logsumexp": torch.logsumexp}
every = lambda x, axes: tuple(range(x.ndim)) if axes is None else tuple(axes)
for (op, f), (name, (axes, keep)) in itertools.product(REDUCTIONS.items(), AXES.items()):
    case("reductions", op, lambda x, g=f, a=axes, k=keep: g(x, every(x, a), k), real(2, 3, 2), attrs={"axes": axes, "keepdims": keep}, name=name)
for op in ("sum", "mean", "logsumexp"):
    f = REDUCTIONS[op]
    case("reductions", op, lambda x, g=f: g(x, (1,), False), real(0, 3), attrs={"axes": [1], "keepdims": False}, name="empty")
    case("reductions", op, lambda x, g=f: g(x.reshape(1), (0,), False), real(), attrs={"axes": None, "keepdims": False}, name="scalar")
case("reductions", "sum", lambda x: x.sum(0), real(0, 3), attrs={"axes": [0], "keepdims": False}, name="over_nothing")
case("reductions", "prod", lambda x: product(x, (0,), False), real(0, 3), attrs={"axes": [0], "keepdims": False}, name="over_nothing")
case("reductions", "logsumexp", lambda x: torch.logsumexp(x, 1), np.array([[800.0, 801.0], [-900.0, -901.5]]), attrs={"axes": [1], "keepdims": False}, name="far")
for name, x in (("one_zero", [[2.0, 0.0, -1.5]]), ("two_zeros", [[0.0, 0.7, 0.0]])):
    case("reductions", "prod", lambda x: product(x, (1,), False), np.array(x), attrs={"axes": [1], "keepdims": False}, name=name)
    case("reductions", "cumprod", lambda x: cumulated(x, 1), np.array(x), attrs={"axis": 1}, name=name)
for (op, f), correction, (name, (axes, keep)) in itertools.product((("var", torch.var), ("std", torch.std)), (0, 1, 2), list(AXES.items())[:6]):
    if name != "first" or correction < 2:
        case("reductions", op, lambda x, g=f, a=axes, k=keep, c=correction: g(x, every(x, a), correction=c, keepdim=k), real(4, 3, 3), attrs={"axes": axes, "keepdims": keep, "correction": correction}, name=f"{name}_{correction}")
for p, (name, (axes, keep)) in itertools.product((1, 2, 3, 4), list(AXES.items())[:6]):
    case("reductions", "norm", lambda x, q=p, a=axes, k=keep: torch.linalg.vector_norm(x, q, every(x, a), k), real(2, 3, 2), attrs={"p": p, "axes": axes, "keepdims": keep}, name=f"{p}_{name}")


def cumulated(x, axis):
    rows, done = x.unbind(axis), []
    for row in rows:
        done.append(row if not done else done[-1] * row)
    return torch.stack(done, axis)


for axis, shape in ((0, (3, 4)), (-1, (3, 4)), (1, (2, 3, 2)), (0, (1,)), (-2, (2, 4))):
    case("reductions", "cumsum", lambda x, a=axis: torch.cumsum(x, a), real(*shape), attrs={"axis": axis})
    case("reductions", "cumprod", lambda x, a=axis: cumulated(x, a), real(*shape), attrs={"axis": axis})
    case("reductions", "sort", lambda x, a=axis: torch.sort(x, a).values, real(*shape), attrs={"axis": axis})
    case("reductions", "argmax", lambda x, a=axis: torch.argmax(x, a), real(*shape), attrs={"axis": axis}, constant=(0,))
    for op, f in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        case("reductions", op, lambda x, a=axis, g=f: g(x, a), real(*shape), attrs={"axis": axis})
for k, shape in ((1, (3, 5)), (5, (3, 5)), (3, (7,)), (2, (2, 2, 4))):
    case("reductions", "topk", lambda x, n=k: torch.topk(x, n).values, real(*shape), attrs={"k": k})
