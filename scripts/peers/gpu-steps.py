"""PyTorch (eager and compiled) or JAX (jit) on a GPU as peers of `npm run gpu-check`: one JSON request a line, one answer a line.

The argument is torch or jax. Parameters and data of a step are files in a folder. TRIGRAD_PEER_CPU=1 allows a CPU, to try the script.
"""

import json
import math
import os
import sys
import time

import numpy

LIBRARY = sys.argv[1]
ON_CPU = os.environ.get("TRIGRAD_PEER_CPU") == "1"
SAMPLED = 1024


def absent(reason):
    print(json.dumps({"absent": reason}), flush=True)
    sys.exit(0)


try:
    if LIBRARY == "torch":
        import torch

        if not torch.cuda.is_available() and not ON_CPU:
            absent("PyTorch has no GPU here")
        DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
    else:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax
        import jax.numpy as jnp

        # As the engines: products of f32 are not rounded to TF32, and f64 is f64.
        jax.config.update("jax_default_matmul_precision", "highest")
        jax.config.update("jax_enable_x64", True)
        if jax.default_backend() != "gpu" and not ON_CPU:
            absent("JAX has no GPU here")
except ImportError as error:
    absent(f"{sys.executable}: {error}")


class Torch:
    """The functions that the models need, by one name in both libraries."""

    if LIBRARY == "torch":
        exp = staticmethod(torch.exp)
        tanh = staticmethod(torch.tanh)
        softplus = staticmethod(torch.nn.functional.softplus)
        concatenate = staticmethod(lambda xs, axis: torch.cat(xs, dim=axis))
        logsumexp = staticmethod(lambda x, axis: torch.logsumexp(x, dim=axis))
        take = staticmethod(lambda x, at: x[:, at.long()])
        cross_entropy = staticmethod(lambda z, t: torch.nn.functional.cross_entropy(z, t.long()))


class Jax:
    if LIBRARY == "jax":
        exp = staticmethod(jnp.exp)
        tanh = staticmethod(jnp.tanh)
        softplus = staticmethod(jax.nn.softplus)
        concatenate = staticmethod(lambda xs, axis: jnp.concatenate(xs, axis=axis))
        logsumexp = staticmethod(lambda x, axis: jax.scipy.special.logsumexp(x, axis=axis))
        take = staticmethod(lambda x, at: x[:, at])
        cross_entropy = staticmethod(
            lambda z, t: -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z, axis=1), t[:, None], axis=1))
        )


f = Torch if LIBRARY == "torch" else Jax


def logistic(p, b):
    z = b["x"] @ p["w"] + p["b"]
    return (f.softplus(z) - z * b["t"]).mean() + 0.001 * (p["w"] * p["w"]).sum()


def mlp(p, b):
    h = f.tanh(b["x"] @ p["w1"] + p["b1"])
    h = f.tanh(h @ p["w2"] + p["b2"])
    return f.cross_entropy(h @ p["w3"] + p["b3"], b["t"])


def gmm(p, b):
    x, (n, d), k = b["x"], b["x"].shape, p["alpha"].shape[0]
    flat = f.take(f.concatenate([p["l"], f.exp(p["q"]), b["zero"]], 1), b["place"])
    q = flat.reshape(k, d, d)
    shift = (q @ p["mu"].reshape(k, d, 1)).reshape(k * d)
    y = x @ flat.reshape(k * d, d).T - shift
    beta = p["alpha"] + p["q"].sum(1) - 0.5 * (y.reshape(n, k, d) ** 2).sum(2)
    likelihood = f.logsumexp(beta, 1).sum() - n * f.logsumexp(p["alpha"], 0)
    prior = b["m"] * p["q"].sum() - 0.5 * b["gamma"] ** 2 * (flat * flat).sum()
    return likelihood + prior + b["constant"]


MODELS = {"logistic": logistic, "mlp": mlp, "gmm": gmm}
DTYPES = {"f32": numpy.float32, "f64": numpy.float64, "i32": numpy.int32, "bool": numpy.int32}


def read(folder):
    trees = {"params": {}, "batch": {}}
    with open(os.path.join(folder, "index.json"), encoding="utf8") as file:
        for entry in json.load(file):
            value = entry.get("value")
            if "file" in entry:
                value = numpy.fromfile(os.path.join(folder, entry["file"]), DTYPES[entry["dtype"]]).reshape(entry["shape"])
                value = torch.from_numpy(value).to(DEVICE) if LIBRARY == "torch" else jnp.asarray(value)
            trees[entry["of"]][entry["path"]] = value
    return trees["params"], trees["batch"]


def step_of(side, model, params, batch):
    """A function of nothing that gives the value and the gradients, in the order of their names."""
    names = sorted(params)
    if LIBRARY == "jax":
        both = jax.jit(jax.value_and_grad(model))

        def step():
            value, gradients = both(params, batch)
            return [value, *(gradients[name] for name in names)]

        return step
    leaves = [params[name].requires_grad_() for name in names]
    loss = torch.compile(model) if side == "torch.compile" else model

    def step():
        value = loss(params, batch)
        return [value, *torch.autograd.grad(value, leaves)]

    return step


def wait(results):
    if LIBRARY == "jax":
        jax.block_until_ready(results)
    elif DEVICE == "cuda":
        torch.cuda.synchronize()


def sampled(y):
    flat = numpy.asarray(y.detach().cpu() if LIBRARY == "torch" else y, dtype=numpy.float64).reshape(-1)
    step = max(1, flat.size // SAMPLED)
    return flat[::step][:SAMPLED].tolist()


prepared = {}


def answer(request):
    side = request["side"]
    if request["do"] == "prepare":
        if request["workload"] not in MODELS:
            return {"absent": "not a model of this side"}
        params, batch = read(request["folder"])
        step = step_of(side, MODELS[request["workload"]], params, batch)
        prepared[side] = step
        return {"outputs": [sampled(y) for y in step()]}
    if request["do"] == "time":
        step, results = prepared[side], None
        for _ in range(request["calls"]):
            results = step()
        wait(results)
        start = time.perf_counter_ns()
        for _ in range(request["calls"]):
            results = step()
        wait(results)
        return {"nanoseconds": (time.perf_counter_ns() - start) / request["calls"]}
    prepared.pop(side, None)
    return {}


def main():
    about = {"PyTorch": torch.__version__} if LIBRARY == "torch" else {"JAX": jax.__version__}
    print(json.dumps({"about": about}), flush=True)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # Whatever fails is told to the other side, which leaves the cell empty.
            result = {"absent": f"{type(error).__name__}: {error}"}
        if not all(math.isfinite(x) for output in result.get("outputs", []) for x in output):
            result = {"absent": "the results are not finite"}
        print(json.dumps(result), flush=True)


main()
