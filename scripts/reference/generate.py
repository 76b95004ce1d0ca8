"""Writes test/data/attributes: every operator of the golden vocabulary with every attribute, as computed by PyTorch in float64.

    pip install torch==2.15.0 numpy && python scripts/reference/generate.py

Formulas are in cases.py, after the definitions in test/data/golden/README.md; nothing here knows of this project's code. The
gradient is autograd's; the directional derivative is the derivative of <gradient, u> by u, so it needs no forward rule; the
Hessian-vector product differentiates the gradient once more. Each smooth case is held against central differences first.
"""
import json
import pathlib

import numpy as np
import torch

import cases
import structured  # noqa: F401  (adds its families)

FOLDER = pathlib.Path(__file__).parents[2] / "test" / "data" / "attributes"
torch.set_num_threads(1)


def as_tensor(x, dtype=torch.float64):
    x = np.asarray(x)
    return torch.tensor(x, dtype=dtype) if x.dtype.kind == "f" else torch.tensor(x)


def several(y):
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)


def gradient(total, free, create_graph=False):
    if not total.requires_grad:
        return tuple(torch.zeros_like(x) for x in free)
    found = torch.autograd.grad(total, free, allow_unused=True, create_graph=create_graph)
    return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, free))


def dot(a, b):
    return sum(((x * y).sum() for x, y in zip(a, b)), torch.zeros((), dtype=a[0].dtype) if a else torch.zeros(()))


class Function:
    """A case's formula with floats of `dtype`: outputs, vjp, jvp and the Hessian-vector product."""

    def __init__(self, case, dtype):
        self.case, self.dtype = case, dtype
        self.inputs = [as_tensor(x, dtype) for x in case.inputs]
        self.free = tuple(self.inputs[i] for i in case.diff)

    def outputs(self, free):
        full = list(self.inputs)
        for i, x in zip(self.case.diff, free):
            full[i] = x
        return several(self.case.f(*full))

    def fresh(self):
        return tuple(x.clone().requires_grad_() for x in self.free)

    def vjp(self, cotangents):
        free = self.fresh()
        return gradient(dot(self.outputs(free), cotangents), free)

    def jvp(self, tangents):
        free = self.fresh()
        ys = self.outputs(free)
        us = tuple(torch.zeros_like(y).requires_grad_() for y in ys)
        return gradient(dot(gradient(dot(ys, us), free, create_graph=True), tangents), us)

    def slope(self, free, cotangents, create_graph=False):
        """The gradient of ½ Σ c y²."""
        ys = self.outputs(free)
        return gradient(0.5 * dot(tuple(y * y for y in ys), cotangents), free, create_graph)

    def hvp(self, cotangents, tangents):
        free = self.fresh()
        return gradient(dot(self.slope(free, cotangents, True), tangents), free)


def worst(got, want):
    """max |got - want| / max(1, max |want|) over the tensors."""
    pairs = [(a.double(), b.double()) for a, b in zip(got, want) if b.numel()]
    return max((float((a - b).abs().max() / max(1.0, float(b.abs().max()))) for a, b in pairs), default=0.0)


def check(name, f, cotangents, tangents, vjp, jvp, hvp):
    """Central differences along the tangents, and <u, Jv> = <Jᵀu, v>."""
    h = 1e-5
    ahead = tuple((x + h * v).requires_grad_() for x, v in zip(f.free, tangents))
    behind = tuple((x - h * v).requires_grad_() for x, v in zip(f.free, tangents))
    central = lambda a, b: [(p.detach() - q.detach()) / (2 * h) for p, q in zip(a, b)]
    error = worst(jvp, central(f.outputs(ahead), f.outputs(behind)))
    assert error < 1e-6, f"{name}: jvp differs from central differences by {error}"
    gap = abs(float(dot(jvp, cotangents) - dot(vjp, tangents)))
    assert gap < 1e-10 * max(1, abs(float(dot(vjp, tangents)))), f"{name}: <u, Jv> and <J'u, v> differ by {gap}"
    if hvp is not None:
        error = worst(hvp, central(f.slope(ahead, cotangents), f.slope(behind, cotangents)))
        assert error < 1e-5, f"{name}: hvp differs from central differences by {error}"


def packed(name, x):
    x = torch.as_tensor(x).detach().resolve_conj()
    dtype = "bool" if x.dtype == torch.bool else "f64" if x.is_floating_point() else "i64"
    flat = [v if dtype == "f64" else int(v) for v in x.reshape(-1).tolist()]
    return {"name": name, "shape": list(x.shape), "dtype": dtype, "data": [int(v) if abs(v) < 2**53 and v == int(v) else v for v in flat]}


def computed(case, random):
    """The content of one case."""
    wide, narrow = Function(case, torch.float64), Function(case, torch.float32)
    names = [f"x{i}" for i in range(len(case.inputs))]
    ys = wide.outputs(wide.free)
    outs = ["y"] if len(ys) == 1 else [f"y{k}" for k in range(len(ys))]
    pack = lambda names, xs: [packed(n, x) for n, x in zip(names, xs)]
    inputs = [{**packed(n, as_tensor(x)), "diff": i in case.diff} for i, (n, x) in enumerate(zip(names, case.inputs))]
    content = {"format": "ad-golden/1", "kind": "op", "id": case.name, "op": case.op, "attrs": case.attrs, "inputs": inputs, "outputs": pack(outs, ys)}
    errors = {"value": worst(narrow.outputs(narrow.free), ys)}
    if case.diff:
        draw = lambda like: [torch.tensor(np.round(random.uniform(-1.5, 1.5, tuple(x.shape)), 3)) for x in like]
        cotangents, tangents = draw(ys), draw(wide.free)
        if case.symmetric:
            tangents = [(v + v.mT) / 2 for v in tangents]
        vjp, jvp = wide.vjp(cotangents), wide.jvp(tangents)
        hvp = wide.hvp(cotangents, tangents) if case.hvp else None
        if case.smooth:
            check(case.name, wide, cotangents, tangents, vjp, jvp, hvp)
        cut = lambda xs: [x.float() for x in xs]
        errors |= {"vjp": worst(narrow.vjp(cut(cotangents)), vjp), "jvp": worst(narrow.jvp(cut(tangents)), jvp)}
        free = [names[i] for i in case.diff]
        content |= {"cotangents": pack(outs, cotangents), "vjp": pack(free, vjp), "tangents": pack(free, tangents), "jvp": pack(outs, jvp)}
        if hvp is not None:
            errors["hvp"] = worst(narrow.hvp(cut(cotangents), cut(tangents)), hvp)
            content["hvp"] = pack(free, hvp)
    if case.convention:
        content["convention"] = case.convention
    content["f32_error"] = {k: float(f"{v:.2g}") for k, v in errors.items()}
    numbers = [t["data"] for k in ("outputs", "vjp", "jvp", "hvp") for t in content.get(k, [])]
    assert all(np.isfinite(v).all() for v in numbers), f"{case.name} is not finite"
    return content


def main():
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.json"):
        stale.unlink()
    total, seen, wrong = 0, set(), []
    for family, some in cases.FAMILIES.items():
        random = np.random.default_rng(sum(family.encode()))
        lines = []
        for case in some:
            assert case.name not in seen, f"two cases are named {case.name}"
            seen.add(case.name)
            try:
                lines.append(json.dumps(computed(case, random), separators=(",", ":")))
            except (AssertionError, RuntimeError, ValueError, OverflowError) as error:
                wrong.append(f"{case.name}: {error}")
        text = '{"format":"ad-golden/1","kind":"ops","cases":[\n' + ",\n".join(lines) + "\n]}\n"
        (FOLDER / f"{family}.json").write_text(text)
        total += len(lines)
    if wrong:
        raise SystemExit("\n".join(wrong))
    operators = {case.op for some in cases.FAMILIES.values() for case in some}
    print(f"{total} cases of {len(operators)} operators")


main()
