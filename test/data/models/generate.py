"""Writes the reference files of this folder: the nine golden model families at sizes that test/data/golden/models does not have.

    pip install jax==0.10.2 && python test/data/models/generate.py

Losses, gradients, second order and trainings are JAX's own, in float64 on the CPU, from the definitions that the golden files
state in words; `f32_error` is what JAX's float32 gives. Every number comes from the seed.
"""
import json
import math
import pathlib

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).parent
RNG = np.random.default_rng(20181130)
EPS = 1e-5


def normal(*shape, scale=1.0):
    return np.round(RNG.normal(size=shape) * scale, 3)


def labels(high, *shape):
    return RNG.integers(0, high, shape)


def weights(rows, columns):
    return normal(rows, columns, scale=1 / np.sqrt(rows))


def cross_entropy(logits, t):
    rows = jax.nn.log_softmax(logits, -1)
    return -jnp.mean(jnp.take_along_axis(rows, jnp.asarray(t)[..., None], -1))


def erf_gelu(x):
    return 0.5 * x * (1 + jsp.special.erf(x / 2**0.5))


ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def mlp(p, d, a):
    h = d["x"]
    total = jnp.sum(p["Wout"] ** 2)
    for i, act in enumerate(a["acts"], 1):
        h = ACTIVATIONS[act](h @ p[f"W{i}"] + p[f"b{i}"])
        total += jnp.sum(p[f"W{i}"] ** 2)
    logits = h @ p["Wout"] + p["bout"]
    return cross_entropy(logits, d["t"]) + a["l2"] * total, {"logits": logits}


def convolve(x, k, b, stride, groups):
    y = jax.lax.conv_general_dilated(x, k, (stride, stride), [(1, 1), (1, 1)], feature_group_count=groups, dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return y + b[:, None, None]


def cnn(p, d, a):
    a1 = jax.nn.relu(convolve(d["x"], p["K1"], p["b1"], 1, 1))
    n, c, h, w = a1.shape
    m1 = a1.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
    a2 = jax.nn.relu(convolve(m1, p["K2"], p["b2"], a["stride2"], a["groups2"]))
    logits = a2.mean((2, 3)) @ p["W"] + p["b"]
    return cross_entropy(logits, d["t"]), {"logits": logits}


def gmm(p, data, a):
    d, k, n, m, gamma = a["d"], a["k"], a["n"], a["m"], a["gamma"]
    columns = []
    prior = 0.0
    for j in range(k):
        icf = p["icf"][j]
        lower = jnp.zeros((d, d))
        at = d
        for c in range(d):
            for r in range(c + 1, d):
                lower = lower.at[r, c].set(icf[at])
                at += 1
        q = jnp.exp(icf[:d])
        s = jnp.sum(icf[:d])
        z = (data["x"] - p["means"][j]) @ (lower + jnp.diag(q)).T
        columns.append(p["alphas"][j] + s - 0.5 * jnp.sum(z * z, 1))
        prior += 0.5 * gamma**2 * (jnp.sum(q * q) + jnp.sum(icf[d:] ** 2)) - m * s
    inner = jnp.stack(columns, 1)
    nu = d + m + 1
    log_gamma = d * (d - 1) / 4 * np.log(np.pi) + sum(math.lgamma(nu / 2 + (1 - j) / 2) for j in range(1, d + 1))
    prior -= k * (nu * d * (np.log(gamma) - 0.5 * np.log(2)) - log_gamma)
    total = -n * d / 2 * np.log(2 * np.pi) + jnp.sum(jsp.special.logsumexp(inner, 1)) - n * jsp.special.logsumexp(p["alphas"]) + prior
    return -total / n, {"inner": inner}


def lstm(p, d, a):
    h = c = jnp.zeros((a["batch"], a["hidden"]), p["Wx"].dtype)
    ys = []
    for t in range(a["T"]):
        i, f, g, o = jnp.split(d["x"][t] @ p["Wx"] + h @ p["Wh"] + p["b"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        ys.append(h @ p["Wy"] + p["by"])
    y = jnp.stack(ys)
    return jnp.mean((y - d["target"]) ** 2), {"y": y, "h_T": h, "c_T": c}


def maml(p, d, a):
    def inner(q, x, y):
        return jnp.mean((jnp.tanh(x @ q["W1"] + q["b1"]) @ q["W2"] + q["b2"] - y) ** 2)

    losses = []
    for task in range(a["tasks"]):
        q = p
        for _ in range(a["inner"]):
            g = jax.grad(inner)(q, d["xs"][task], d["ys"][task])
            q = {name: q[name] - a["lr"] * g[name] for name in q}
        losses.append(inner(q, d["xq"][task], d["yq"][task]))
    all_losses = jnp.stack(losses)
    return jnp.mean(all_losses), {"task_losses": all_losses}


def neural_ode(p, d, a):
    def slope(t, y):
        return jnp.tanh(y @ p["W1"] + t * p["u"] + p["b1"]) @ p["W2"] + p["b2"]

    h = (a["t1"] - a["t0"]) / a["steps"]
    y = p["y0"]
    for n in range(a["steps"]):
        t = a["t0"] + n * h
        k1 = slope(t, y)
        k2 = slope(t + h / 2, y + h / 2 * k1)
        k3 = slope(t + h / 2, y + h / 2 * k2)
        k4 = slope(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return jnp.mean((y - d["target"]) ** 2), {"y1": y}


def layer_norm(x, g, s):
    return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + EPS) * g + s


def transformer(p, d, a):
    x = p["E"][jnp.asarray(d["tokens"])] + p["Pos"]
    mask = jnp.tril(jnp.ones((a["T"], a["T"]), bool))
    size = a["d"] // a["heads"]
    for l in range(a["layers"]):
        y = layer_norm(x, p[f"g1_{l}"], p[f"s1_{l}"])
        heads = []
        for i in range(a["heads"]):
            q, k, v = [(y @ p[f"{w}_{l}"])[..., i * size : (i + 1) * size] for w in ("Wq", "Wk", "Wv")]
            scores = q @ jnp.swapaxes(k, 1, 2) / size**0.5
            heads.append(jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1) @ v)
        x = x + jnp.concatenate(heads, -1) @ p[f"Wo_{l}"]
        m = layer_norm(x, p[f"g2_{l}"], p[f"s2_{l}"])
        x = x + erf_gelu(m @ p[f"W1_{l}"] + p[f"c1_{l}"]) @ p[f"W2_{l}"] + p[f"c2_{l}"]
    logits = layer_norm(x, p["gf"], p["sf"]) @ p["E"].T
    return cross_entropy(logits, d["targets"]), {"logits": logits}


def tree_rnn(p, d, a):
    def rep(tree):
        if isinstance(tree, int):
            return p["E"][tree]
        return jnp.tanh(jnp.concatenate([rep(tree[0]), rep(tree[1])]) @ p["W"] + p["b"])

    logits = jnp.stack([rep(t) for t in a["trees"]]) @ p["V"] + p["v"]
    return cross_entropy(logits, d["labels"]), {"logits": logits}


def vae(p, d, a):
    e = jnp.tanh(d["x"] @ p["We"] + p["be"])
    mu = e @ p["Wm"] + p["bm"]
    lv = e @ p["Ws"] + p["bs"]
    z = mu + jnp.exp(0.5 * lv) * d["eps"]
    o = jnp.tanh(z @ p["Wd"] + p["bd"]) @ p["Wo"] + p["bo"]
    rows = jnp.sum(jnp.logaddexp(0, o) - o * d["x"], 1) - 0.5 * jnp.sum(1 + lv - mu**2 - jnp.exp(lv), 1)
    return jnp.mean(rows), {"mu": mu, "lv": lv, "o": o}


def block(l, d, ff):
    square = {f"{w}_{l}": weights(d, d) for w in ("Wq", "Wk", "Wv", "Wo")}
    norms = {f"g1_{l}": 1 + normal(d, scale=0.1), f"s1_{l}": normal(d, scale=0.1), f"g2_{l}": 1 + normal(d, scale=0.1), f"s2_{l}": normal(d, scale=0.1)}
    return {**square, **norms, f"W1_{l}": weights(d, ff), f"c1_{l}": normal(ff, scale=0.1), f"W2_{l}": weights(ff, d), f"c2_{l}": normal(d, scale=0.1)}


def dense(**shapes):
    return {name: weights(*shape) if len(shape) == 2 else normal(*shape, scale=0.1) for name, shape in shapes.items()}


MODELS = {
    "mlp_b": (mlp, {"sizes": [4, 6, 5, 3, 2], "acts": ["relu", "tanh", "sigmoid"], "batch": 5, "l2": 0}, {"x": normal(5, 4), "t": labels(2, 5)}, dense(W1=(4, 6), b1=(6,), W2=(6, 5), b2=(5,), W3=(5, 3), b3=(3,), Wout=(3, 2), bout=(2,))),
    "mlp_linear": (mlp, {"sizes": [3, 4], "acts": [], "batch": 1, "l2": 0.1}, {"x": normal(1, 3), "t": labels(4, 1)}, dense(Wout=(3, 4), bout=(4,))),
    "cnn_b": (cnn, {"stride2": 2, "groups2": 2, "batch": 1, "in": 2, "c1": 4, "c2": 6, "hw": 8, "classes": 4}, {"x": normal(1, 2, 8, 8), "t": labels(4, 1)}, {"K1": normal(4, 2, 3, 3, scale=0.3), "b1": normal(4, scale=0.1), "K2": normal(6, 2, 3, 3, scale=0.3), "b2": normal(6, scale=0.1), **dense(W=(6, 4), b=(4,))}),
    "gmm_b": (gmm, {"n": 7, "d": 3, "k": 2, "gamma": 1.5, "m": 2}, {"x": normal(7, 3)}, {"alphas": normal(2, scale=0.3), "means": normal(2, 3), "icf": normal(2, 6, scale=0.4)}),
    "gmm_line": (gmm, {"n": 5, "d": 1, "k": 4, "gamma": 0.8, "m": 1}, {"x": normal(5, 1)}, {"alphas": normal(4, scale=0.3), "means": normal(4, 1), "icf": normal(4, 1, scale=0.4)}),
    "lstm_b": (lstm, {"T": 1, "batch": 1, "in": 2, "hidden": 3, "out": 1}, {"x": normal(1, 1, 2), "target": normal(1, 1, 1)}, dense(Wx=(2, 12), Wh=(3, 12), b=(12,), Wy=(3, 1), by=(1,))),
    "lstm_c": (lstm, {"T": 9, "batch": 2, "in": 3, "hidden": 4, "out": 3}, {"x": normal(9, 2, 3), "target": normal(9, 2, 3)}, dense(Wx=(3, 16), Wh=(4, 16), b=(16,), Wy=(4, 3), by=(3,))),
    "maml_b": (maml, {"tasks": 3, "n": 5, "in": 1, "hidden": 3, "inner": 3, "lr": 0.05}, {"xs": normal(3, 5, 1), "ys": normal(3, 5, 1), "xq": normal(3, 5, 1), "yq": normal(3, 5, 1)}, dense(W1=(1, 3), b1=(3,), W2=(3, 1), b2=(1,))),
    "neural_ode_b": (neural_ode, {"batch": 2, "dim": 3, "hidden": 4, "steps": 7, "t0": -0.5, "t1": 1.25}, {"target": normal(2, 3)}, {"y0": normal(2, 3), **dense(W1=(3, 4), u=(4,), b1=(4,), W2=(4, 3), b2=(3,))}),
    "transformer_b": (transformer, {"batch": 1, "T": 4, "d": 6, "heads": 3, "layers": 2, "vocab": 7, "ff": 5}, {"tokens": labels(7, 1, 4), "targets": labels(7, 1, 4)}, {"E": normal(7, 6, scale=0.5), "Pos": normal(4, 6, scale=0.3), **block(0, 6, 5), **block(1, 6, 5), "gf": 1 + normal(6, scale=0.1), "sf": normal(6, scale=0.1)}),
    "tree_rnn_b": (tree_rnn, {"trees": [[0, [1, [2, [3, [4, 5]]]]], [[2, 2], [2, 2]]], "vocab": 6, "d": 3, "classes": 2}, {"labels": labels(2, 2)}, {"E": normal(6, 3), **dense(W=(6, 3), b=(3,), V=(3, 2), v=(2,))}),
    "vae_b": (vae, {"batch": 2, "x": 5, "hidden": 4, "latent": 1}, {"x": np.round(RNG.uniform(size=(2, 5)), 3), "eps": normal(2, 1)}, dense(We=(5, 4), be=(4,), Wm=(4, 1), bm=(1,), Ws=(4, 1), bs=(1,), Wd=(1, 4), bd=(4,), Wo=(4, 5), bo=(5,))),
}


def tensor(name, x):
    x = np.asarray(x)
    kind = "i64" if x.dtype.kind == "i" else "f64"
    return {"name": name, "shape": list(x.shape), "dtype": kind, "data": [int(v) if v == int(v) else float(v) for v in x.ravel()]}


def pack(tensors):
    return [tensor(name, x) for name, x in tensors.items()]


def quantities(f, attrs, data, params, tangents, dtype):
    cast = lambda d: {k: jnp.asarray(v, dtype) if np.asarray(v).dtype.kind == "f" else jnp.asarray(v) for k, v in d.items()}
    d, p, t = cast(data), cast(params), cast(tangents)
    loss = lambda q: f(q, d, attrs)[0]
    step = jax.jit(jax.value_and_grad(loss))
    (value, outputs), (_, grads) = f(p, d, attrs), step(p)
    hvp = jax.jit(lambda q, v: jax.jvp(jax.grad(loss), (q,), (v,))[1])(p, t)
    return step, p, value, outputs, grads, jax.jvp(loss, (p,), (t,))[1], hvp


def training(step, start, name, lr):
    p = dict(start)
    m = {k: jnp.zeros_like(v) for k, v in p.items()}
    s = {k: jnp.zeros_like(v) for k, v in p.items()}
    losses = []
    for t in range(1, 7):
        value, g = step(p)
        losses.append(float(value))
        if t == 6:
            break
        for k in p:
            change = g[k]
            if name == "momentum":
                change = m[k] = 0.9 * m[k] + g[k]
            elif name == "adam":
                m[k] = 0.9 * m[k] + 0.1 * g[k]
                s[k] = 0.999 * s[k] + 0.001 * g[k] ** 2
                change = m[k] / (1 - 0.9**t) / (jnp.sqrt(s[k] / (1 - 0.999**t)) + 1e-8)
            p[k] = p[k] - lr * change
    return {"lr": lr, "losses": losses, "param_sqnorm": {k: float(jnp.sum(v * v)) for k, v in p.items()}}


def worst(got, want):
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(got, want)]
    return float(f"{max(np.abs(a - b).max() / max(1, np.abs(b).max()) for a, b in pairs):.2g}")


for stale in FOLDER.glob("*.json"):
    stale.unlink()
for name, (f, attrs, data, params) in MODELS.items():
    tangents = {k: normal(*v.shape, scale=0.5) for k, v in params.items()}
    step, start, loss, outputs, grads, jvp, hvp = quantities(f, attrs, data, params, tangents, jnp.float64)
    _, _, *narrow = quantities(f, attrs, data, params, tangents, jnp.float32)
    in_order = lambda d: [d[k] for k in params]
    content = {
        "format": "ad-golden/1",
        "kind": "model",
        "id": name,
        "family": f.__name__,
        "attrs": attrs,
        "data": pack(data),
        "params": pack(params),
        "loss": float(loss),
        "outputs": pack(outputs),
        "grads": pack({k: grads[k] for k in params}),
        "tangents": pack(tangents),
        "jvp": float(jvp),
        "hvp": pack({k: hvp[k] for k in params}),
        "train": {optimiser: training(step, start, optimiser, lr) for optimiser, lr in [("sgd", 0.1), ("momentum", 0.05), ("adam", 0.01)]},
        "f32_error": {
            "loss": worst([narrow[0]], [loss]),
            "grad": worst(in_order(narrow[2]), in_order(grads)),
            "jvp": worst([narrow[3]], [jvp]),
            "hvp": worst(in_order(narrow[4]), in_order(hvp)),
        },
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(name, flush=True)
