/**
 * Tensor regions: the straight-line tensor work among the nodes of an engine's graph as programs, so that forward and backward part
 * fuse into the same kernels and run as one call. The nodes are cut only where a number has to be known on the host before more
 * tensors can be computed: they are levelled by how many times that happens on the way to them.
 */
import { type Aval, aval } from "../base/aval.ts";
import type { DType } from "../base/dtype.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives } from "../primitives/table.ts";
import { weakDType } from "../tensor/eager.ts";
import { type Constant, type Program, ProgramBuilder, type Value } from "./program.ts";

/** What a program has to know of an engine's graph: nodes N, and values V, of which a node of tensor work has one. */
export interface Carrier<N, V> {
  /** All values that a node needs. */
  needs(n: N): readonly V[];
  nodeOf(v: V): N;
  /** A primitive with a tensor as its result; undefined for all other nodes. */
  work(n: N): Work<V> | undefined;
  /** Of a tensor; undefined for a number. */
  avalOf(v: V): Aval | undefined;
  constantOf(v: V): number | boolean | Pick<Constant, "aval" | "data"> | undefined;
}

export interface Work<V> {
  readonly primitive: AnyPrimitive;
  readonly params: unknown;
  readonly args: readonly V[];
  readonly result: V;
}

/** Tensors that are computed by one call of a plan. */
export interface Region<V> {
  readonly op: "region";
  /** What the call is given. */
  readonly args: readonly V[];
  /** For arguments that are numbers, the dtype of the tensor that they become. */
  readonly dtypes: readonly (DType | undefined)[];
  readonly outputs: readonly V[];
  readonly program: Program;
}

/** Operations that compute nothing. */
const isNothing = ({ primitive }: Work<unknown>): boolean => primitive === primitives.lift || primitive === primitives.stopGradient;

/** Nodes, arguments before users, with tensor work put together; `results` are read by others. O(nodes). */
export function schedule<N, V>(nodes: readonly N[], results: readonly V[], carrier: Carrier<N, V>): readonly (N | Region<V>)[] {
  const work = new Map<N, Work<V>>();
  for (const n of nodes) {
    const w = carrier.work(n);
    if (w !== undefined) work.set(n, w);
  }
  if (work.size === 0) return nodes;
  const level = new Map<N, number>();
  const levels: { host: N[]; tensors: N[] }[] = [];
  for (const n of nodes) {
    const own = work.has(n);
    let l = 0;
    for (const v of carrier.needs(n)) {
      const a = carrier.nodeOf(v);
      l = Math.max(l, (level.get(a) ?? 0) + (!own && work.has(a) ? 1 : 0));
    }
    level.set(n, l);
    while (levels.length <= l) levels.push({ host: [], tensors: [] });
    const at = levels[l] as (typeof levels)[number];
    if (own) at.tensors.push(n);
    else at.host.push(n);
  }
  const users = new Map<V, N[]>();
  for (const n of nodes) {
    for (const a of carrier.needs(n)) {
      const list = users.get(a);
      if (list === undefined) users.set(a, [n]);
      else list.push(n);
    }
  }
  const asked = new Set(results);
  return levels.flatMap(({ host, tensors }): (N | Region<V>)[] => {
    const works = tensors.map((n) => work.get(n) as Work<V>);
    // One operation alone is applied as it is: its kernel is shared with all others of its shape.
    if (works.filter((w) => !isNothing(w)).length < 2) return [...host, ...tensors];
    const inside = new Set(tensors);
    const outputs = works.flatMap(({ result }) => (asked.has(result) || users.get(result)?.some((u) => !inside.has(u)) ? [result] : []));
    return [...host, regionOf(tensors, works, outputs, carrier)];
  });
}

function regionOf<N, V>(nodes: readonly N[], works: readonly Work<V>[], outputs: readonly V[], carrier: Carrier<N, V>): Region<V> {
  const build = new ProgramBuilder();
  const values = new Map<V, Value>();
  const args: V[] = [];
  const dtypes: (DType | undefined)[] = [];
  const numbers = new Map<V, Map<DType, Value>>();
  const tensor = (v: V, a: Aval): Value => {
    let value = values.get(v);
    if (value === undefined) {
      const known = carrier.constantOf(v);
      if (typeof known === "object") value = build.constant(known.aval, known.data);
      else {
        value = build.input(a);
        args.push(v);
        dtypes.push(undefined);
      }
      values.set(v, value);
    }
    return value;
  };
  const number = (v: V, dtype: DType): Value => {
    const known = carrier.constantOf(v);
    if (known !== undefined) return build.scalar(Number(known), dtype);
    const made = numbers.get(v) ?? new Map<DType, Value>();
    numbers.set(v, made);
    let value = made.get(dtype);
    if (value === undefined) {
      value = build.input(aval([], dtype));
      args.push(v);
      dtypes.push(dtype);
      made.set(dtype, value);
    }
    return value;
  };
  for (const [i, w] of works.entries()) {
    build.source = nodes[i];
    const avals = w.args.map((a) => carrier.avalOf(a));
    if (isNothing(w)) {
      const [x] = w.args as [V];
      values.set(w.result, avals[0] === undefined ? number(x, (w.params as { dtype: DType }).dtype) : tensor(x, avals[0]));
      continue;
    }
    const typing = avals.flatMap((a) => (a === undefined ? [] : [{ aval: a }]));
    // The condition of `where` says nothing about the dtype of a number beside it.
    const types = w.primitive === primitives.where && typing.length > 1 ? typing.slice(1) : typing;
    const given = w.args.map((a, k) => {
      const known = avals[k];
      return known === undefined ? number(a, weakDType(Number(carrier.constantOf(a) ?? 0), types)) : tensor(a, known);
    });
    values.set(w.result, build.apply(w.primitive, given, w.params));
  }
  return { op: "region", args, dtypes, outputs, program: build.finish(outputs.map((v) => values.get(v) as Value)) };
}
