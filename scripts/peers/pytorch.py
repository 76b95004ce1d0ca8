"""PyTorch as a peer of `npm run performance`: one JSON request a line on the input, one answer a line on the output.

The workloads are those of scripts/performance/workloads.ts, written as PyTorch's users write them; inputs are the same formula of
position and seed. TRIGRAD_THREADS says with how many threads.
"""

import json
import math
import os
import sys
import time

try:
    import numpy
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(json.dumps({"absent": f"{sys.executable}: {error}"}), flush=True)
    sys.exit(0)

SAMPLED = 1024
MASK = 0xFFFFFFFF


def fill(spec, seed):
    """The finaliser of MurmurHash3 on position and seed, as `fill` of workloads.ts."""
    shape = spec["shape"]
    start = (seed * 0x9E3779B9) & MASK
    u = (numpy.arange(math.prod(shape), dtype=numpy.uint64) + start) & MASK
    u = ((u ^ (u >> 16)) * 0x85EBCA6B) & MASK
    u = ((u ^ (u >> 13)) * 0xC2B2AE35) & MASK
    u = (u ^ (u >> 16)) & MASK
    values = spec["low"] + (spec["high"] - spec["low"]) * u.astype(numpy.float64) / 2.0**32
    tensor = torch.from_numpy(values.astype(numpy.float32)).reshape(shape)
    if "diagonal" in spec:
        tensor.diagonal().add_(spec["diagonal"])
    return tensor


def adam(**options):
    def make(p, g, *_):
        p = torch.nn.Parameter(p)
        p.grad = g
        optimizer = torch.optim.Adam([p], lr=1e-3, **options)

        def step():
            optimizer.step()
            state = optimizer.state[p]
            return p, state["exp_avg"], state["exp_avg_sq"]

        return step

    return make


def layer_norm_both(x, w, b, ct):
    leaves = [t.requires_grad_() for t in (x, w, b)]

    def step():
        y = F.layer_norm(x, (x.shape[-1],), w, b)
        return (y, *torch.autograd.grad(y, leaves, ct))

    return step


def convolution_gradients(x, w, ct):
    def step():
        gradients = torch.ops.aten.convolution_backward(
            ct, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, True, False]
        )
        return gradients[:2]

    return step


def plain(f):
    """A workload without derivatives: nothing is recorded."""

    def make(*inputs):
        def step():
            with torch.no_grad():
                return (f(*inputs),)

        return step

    return make


WORKLOADS = {
    "add": plain(lambda x, y: x + y),
    "small": plain(lambda x, y: x + y),
    "negate": plain(lambda x: -x),
    "gelu": plain(lambda x, b: F.gelu(x + b, approximate="tanh")),
    "layerNorm": plain(lambda x, w, b: F.layer_norm(x, (x.shape[-1],), w, b)),
    "layerNormBoth": layer_norm_both,
    "softmax": plain(lambda x: F.softmax(x, dim=-1)),
    "matmul": plain(torch.mm),
    "convolution": plain(lambda x, w: F.conv2d(x, w, padding=1)),
    "convolutionGradients": convolution_gradients,
    "cholesky": plain(torch.linalg.cholesky),
    "triangularSolve": plain(lambda a, b: torch.linalg.solve_triangular(a, b, upper=False)),
    "adam": adam(),
}
FUSED = {"adam": adam(fused=True)}


def sampled(y):
    flat = y.detach().reshape(-1)
    step = max(1, flat.numel() // SAMPLED)
    return flat[::step][:SAMPLED].double().tolist()


prepared = {}


def answer(request):
    side = request["side"]
    if request["do"] == "prepare":
        table = FUSED if side == "PyTorch fused" else WORKLOADS
        if request["workload"] not in table:
            return {"absent": "not a workload of this side"}
        step = table[request["workload"]](*(fill(spec, i) for i, spec in enumerate(request["inputs"])))
        prepared[side] = step
        return {"outputs": [sampled(y) for y in step()]}
    if request["do"] == "time":
        step = prepared[side]
        for _ in range(request["calls"]):
            step()
        start = time.perf_counter_ns()
        for _ in range(request["calls"]):
            step()
        return {"nanoseconds": (time.perf_counter_ns() - start) / request["calls"]}
    prepared.pop(side, None)
    return {}


def main():
    threads = int(os.environ.get("TRIGRAD_THREADS") or torch.get_num_threads())
    torch.set_num_threads(threads)
    print(json.dumps({"about": {"PyTorch": torch.__version__, "Python": sys.version.split()[0]}}), flush=True)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # Whatever fails is told to the other side, which stops.
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


main()
