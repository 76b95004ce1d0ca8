/**
 * The derivative operators inside of programs: they add the nodes of the derivative to the graph that is being built. The argument
 * goes in under a new name (an identity), so that what the function captures is not confused with it.
 */
import { mismatch } from "../../core/base/errors.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../core/tensor/values.ts";
import type { Intrinsics } from "../engine.ts";
import { isDifferentiable, isValue, kindOf, mapTree, oneLike, scalarResult, zeroLike, zipTree } from "../trees.ts";
import { forward } from "./differentiate/forward.ts";
import { backward, itself } from "./differentiate/reverse.ts";
import { load } from "./execute/load.ts";
import { currentGraph, Graph, Output } from "./graph.ts";
import { rebuild } from "./optimise/rebuild.ts";
import { inOrder } from "./walk.ts";

type Fn = (...args: unknown[]) => unknown;

/** A tree whose leaves that can be differentiated are outputs of their own, and these in order. */
function sourcesOf(x: unknown): { readonly given: unknown; readonly sources: Output[] } {
  const graph = currentGraph();
  const sources: Output[] = [];
  const given = mapTree(x, (leaf) => {
    if (!isDifferentiable(leaf)) return leaf;
    const from = graph.bring(leaf);
    const [source] = graph.add({ op: "identity" }, [from], [from.type]).outputs as [Output];
    sources.push(source);
    return source;
  });
  return { given, sources };
}

/** Values that depend on nothing that is not known are computed now, so that a program may decide by them. */
function settled(tree: unknown): unknown {
  return mapTree(tree, (x) => {
    if (!(x instanceof Output) || x.type.kind === "list" || inOrder([x]).some((n) => n.op === "parameter" || n.captures.length > 0))
      return x;
    const view = new Graph("known");
    view.results.push(x);
    const executor = load(rebuild(view));
    try {
      return executor.run([])[0];
    } finally {
      executor.dispose();
    }
  });
}

function cotangentTree(x: unknown, cts: readonly (Value | undefined)[]): unknown {
  let i = 0;
  return mapTree(x, (leaf) => (isDifferentiable(leaf) ? (cts[i++] ?? zeroLike(leaf)) : null));
}

function valueAndGrad(f: Fn, operator = "valueAndGrad") {
  return (x: unknown, ...rest: unknown[]): [unknown, unknown] => {
    const { given, sources } = sourcesOf(x);
    const y = scalarResult(f(given, ...rest), operator);
    const cts = y instanceof Output ? backward([y], [oneLike(y)], sources, itself) : [];
    return settled([y, cotangentTree(x, cts)]) as [unknown, unknown];
  };
}

function vjp(f: (x: never) => unknown, x: unknown): [unknown, (ct: unknown) => unknown] {
  const { given, sources } = sourcesOf(x);
  const y = f(given as never);
  const back = (ct: unknown): unknown => {
    const results: Output[] = [];
    const seeds: Value[] = [];
    zipTree(y, ct, (leaf, c, path) => {
      if (!(leaf instanceof Output) || !isDifferentiable(leaf)) return null;
      if (!isValue(c) || avalOf(c).shape !== avalOf(leaf).shape)
        throw mismatch(`the cotangent at ${path || "the top"} is ${kindOf(c)}, but the result there is ${kindOf(leaf)}`);
      results.push(leaf);
      seeds.push(c);
      return null;
    });
    return settled(cotangentTree(x, backward(results, seeds, sources, itself)));
  };
  return [settled(y), back];
}

function jvp(f: (x: never) => unknown, x: unknown, dx: unknown): [unknown, unknown] {
  const { given, sources } = sourcesOf(x);
  const tangents = new Map<Output, Value>();
  let i = 0;
  zipTree(x, dx, (leaf, t, path) => {
    if (!isDifferentiable(leaf)) return null;
    const source = sources[i++] as Output;
    if (t === null || t === undefined) return null;
    if (!isValue(t) || avalOf(t).shape !== avalOf(leaf).shape)
      throw mismatch(`the tangent at ${path || "the top"} is ${kindOf(t)}, but the argument there is ${kindOf(leaf)}`);
    tangents.set(source, t);
    return null;
  });
  const y = f(given as never);
  const results: Output[] = [];
  mapTree(y, (leaf) => (leaf instanceof Output ? results.push(leaf) : leaf));
  const found = forward(results, tangents);
  let k = 0;
  const tangent = mapTree(y, (leaf) => {
    const t = leaf instanceof Output ? found[k++] : undefined;
    return isDifferentiable(leaf) ? (t ?? zeroLike(leaf)) : null;
  });
  return settled([y, tangent]) as [unknown, unknown];
}

export const intrinsics: Intrinsics = {
  grad: (f) => {
    const both = valueAndGrad(f as Fn, "grad");
    return (...args) => both(args[0], ...args.slice(1))[1];
  },
  valueAndGrad: (f) => valueAndGrad(f as Fn),
  vjp,
  jvp,
  stopGradient: (x) => mapTree(x, (leaf) => (leaf instanceof Output ? valueOps.stopGradient(leaf) : leaf)),
  checkpoint: (f) => f,
};
