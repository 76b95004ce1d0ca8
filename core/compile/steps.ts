/**
 * Steps: units in an order in which they can run, each as launches with the buffers that they write and read. A map that alone reads
 * a matrix product or a convolution, each element once, becomes its epilogue.
 */
import { assert } from "../base/errors.ts";
import type { Reduction } from "../kernel/kernel.ts";
import type { ConvolutionLaunch, KernelLaunch, Launch, MatmulLaunch } from "../kernel/launch.ts";
import { describeFused, type StoredView } from "../kernel/lower.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { type Expr, index, load, postorder, reduced } from "../kernel/scalar-expr.ts";
import { assemblyLaunches } from "./assembly.ts";
import type { Fused, Group, GroupLoad, Member, Opaque, Unit } from "./group.ts";
import { denseOffset, type Lazy, type Load, regroup } from "./lazy.ts";
import { inParts } from "./parts.ts";
import type { Node, Value } from "./program.ts";

/** Outputs of one kernel, each a parameter and some strides: of the parameters of a function WebAssembly takes 1000, CUDA 4096 bytes. */
const MOST_OUTPUTS = 32;

/** Where a launch reads: `offset` elements into the buffer of a value. */
export interface Source {
  readonly value: Value;
  readonly offset: number;
}

export interface Step {
  readonly launches: readonly Launch[];
  readonly outputs: readonly Value[];
  readonly inputs: readonly Source[];
  /** Pairs of an output and an input that may share memory: the input is read at the elements that the output is stored to, by no other way. */
  readonly inPlace: readonly { readonly output: Value; readonly input: Value }[];
  /** Steps that come before, though it may read nothing of them. */
  readonly after?: readonly Step[];
}

/** The nodes that a step computes, those that are never stored too: what is light is computed again by each step that reads it. */
export function computedBy({ outputs, inputs }: Step): Node[] {
  const given = new Set<Value>(inputs.map((i) => i.value));
  const found = new Set<Node>();
  const stack: Value[] = [...outputs];
  for (let v = stack.pop(); v !== undefined; v = stack.pop()) {
    if (v.kind !== "node" || given.has(v) || found.has(v)) continue;
    found.add(v);
    stack.push(...v.args);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

export function stepsOf(fused: Fused, options: { readonly epilogues: boolean }): Step[] {
  const absorbed = options.epilogues ? epilogues(fused) : new Map<Group, Opaque>();
  const dropped = new Set<Unit>(absorbed.values());
  const made = new Map<Unit, readonly Step[]>();
  for (const u of inOrder(fused.units, absorbed)) {
    if (dropped.has(u)) continue;
    const product = u.kind === "group" ? absorbed.get(u) : undefined;
    const steps = u.kind === "opaque" ? [opaqueStep(u)] : product === undefined ? groupSteps(u, fused) : [productStep(product, u, fused)];
    const after = isLate(u) || (product !== undefined && isLate(product)) ? stepsOfUnits([...u.deps, ...(product?.deps ?? [])], made) : [];
    made.set(u, after.length > 0 ? steps.map((step) => ({ ...step, after })) : steps);
  }
  return [...made.values()].flat();
}

/** True for a unit with a node that comes after another, of which it is not made. */
function isLate(u: Unit): boolean {
  return u.kind === "opaque" ? u.node.after !== undefined : [...u.members.keys()].some((n) => (n as Node).after !== undefined);
}

function stepsOfUnits(units: readonly Unit[], made: ReadonlyMap<Unit, readonly Step[]>): Step[] {
  return [...new Set(units.flatMap((u) => made.get(u) ?? []))];
}

/** Units so that each comes after what it needs, otherwise in the order of the program. */
function inOrder(units: readonly Unit[], absorbed: ReadonlyMap<Group, Opaque>): Unit[] {
  const sorted = [...units].sort((a, b) => a.first - b.first);
  const done = new Set<Unit>();
  const out: Unit[] = [];
  for (const root of sorted) {
    const stack: { unit: Unit; open: boolean }[] = [{ unit: root, open: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (done.has(top.unit)) continue;
      if (top.open) {
        done.add(top.unit);
        out.push(top.unit);
        continue;
      }
      stack.push({ unit: top.unit, open: true });
      const product = top.unit.kind === "group" ? absorbed.get(top.unit) : undefined;
      for (const d of [...top.unit.deps, ...(product?.deps ?? [])]) if (!done.has(d)) stack.push({ unit: d, open: false });
    }
  }
  return out;
}

function sourceOf(lazy: Lazy): Source {
  const offset = denseOffset(lazy);
  const [only] = lazy.loads;
  assert(offset !== undefined && only !== undefined, "an operand is no block of memory");
  return { value: only.source, offset };
}

function opaqueStep({ node, assembly, operands }: Opaque): Step {
  if (assembly !== undefined) {
    const { launches, inputs } = assemblyLaunches(node, assembly);
    return { launches, outputs: [node], inputs: inputs.map((value) => ({ value, offset: 0 })), inPlace: [] };
  }
  const avals = node.args.map((a) => a.aval);
  return {
    launches: node.primitive.lower(avals, node.aval, node.params),
    outputs: [node],
    inputs: operands.map(sourceOf),
    inPlace: [],
  };
}

/** The members of a group that have to be stored. */
function storedOf(group: Group, fused: Fused): Member[] {
  return [...group.members.values()].filter((m) => fused.stored.has(m.node));
}

/** A group as a kernel, or as several where it stores more than one kernel may. */
function groupSteps(group: Group, fused: Fused): Step[] {
  const stored = storedOf(group, fused);
  const parts = inParts(stored, MOST_OUTPUTS);
  // What another part reads may not be overwritten.
  const inPlace = parts.length === 1 ? sharing(group, stored) : [];
  return parts.map((members) => ({ ...groupStep(group, members), inPlace }));
}

function groupStep(group: Group, members: readonly Member[]): Omit<Step, "inPlace"> {
  const { axes } = group;
  const { results, reductions, loads } = needed(group, members);
  const order = [...axes.keys()].sort((a, b) => Number(axes[a]?.reduced) - Number(axes[b]?.reduced) || a - b);
  const extents = order.map((i) => axes[i]?.extent as number);
  let count = axes.filter((a) => a.reduced).length;
  const isFold = group.reductions.length > 0;
  // A fold of single elements needs an axis to walk.
  const needsAxis = isFold && count === 0;
  if (needsAxis) {
    extents.push(1);
    count = 1;
  }
  const pick = (strides: readonly number[]) => [...order.map((i) => strides[i] as number), ...(needsAxis ? [0] : [])];
  const outputs = members.map(
    (m, i): StoredView => ({
      dtype: m.node.aval.dtype,
      strides: pick(group.denseStrides(m.level)),
      result: reindexed(results[i] as Expr, order),
      each: isFold && m.level === "row" ? "row" : "element",
    }),
  );
  const inputs = loads.map((l): Source => ({ value: l.source, offset: 0 }));
  const operands = loads.map((l, input) => ({
    dtype: l.dtype,
    strides: pick(l.strides),
    offset: l.offset,
    ...(l.indirect && { indirect: l.indirect }),
    input,
  }));
  const launch = describeFused({
    extents,
    reduced: isFold ? count : 0,
    operands,
    outputs,
    reductions: reductions.map((r) => ({ ...r, of: reindexed(r.of, order) })),
    indexed: group.indexed,
  });
  return { launches: [launch], outputs: members.map((m) => m.node), inputs };
}

/** What some members of a group need of it, numbered anew: their expressions, the reductions and the loads. */
function needed(group: Group, members: readonly Member[]) {
  const stages = new Set<number>();
  const operands = new Set<number>();
  for (let roots = members.map((m) => m.expr); roots.length > 0; ) {
    const known = stages.size;
    for (const e of postorder(roots)) {
      if (e.kind === "reduced") stages.add(e.stage);
      else if (e.kind === "load") operands.add(e.operand);
    }
    roots = [...stages].slice(known).map((stage) => group.reductions[stage]?.of as Expr);
  }
  const inOrder = (numbers: ReadonlySet<number>) => [...numbers].sort((a, b) => a - b);
  const [keptStages, keptLoads] = [inOrder(stages), inOrder(operands)];
  const stageNow = new Map(keptStages.map((stage, i) => [stage, i]));
  const loadNow = new Map(keptLoads.map((operand, i) => [operand, i]));
  const renumbered = (roots: readonly Expr[]) =>
    rewrite(roots, (e, [at]) => {
      if (e.kind === "reduced") return reduced(stageNow.get(e.stage) as number, e.dtype);
      return e.kind === "load" ? load(loadNow.get(e.operand) as number, e.dtype, at) : undefined;
    });
  const kept = keptStages.map((stage) => group.reductions[stage] as Reduction);
  const of = renumbered(kept.map((r) => r.of));
  return {
    results: renumbered(members.map((m) => m.expr)),
    reductions: kept.map((r, i) => ({ ...r, of: of[i] as Expr })),
    loads: keptLoads.map((operand) => group.loads[operand] as GroupLoad),
  };
}

function reindexed(e: Expr, order: readonly number[]): Expr {
  return rewrite([e], (x) => (x.kind === "index" ? index(order.indexOf(x.axis)) : undefined))[0] as Expr;
}

/** An element output may take the memory of an operand that is read once, at the same elements. */
function sharing(group: Group, members: readonly Member[]): Step["inPlace"] {
  const dense = group.denseStrides("element");
  const isIdentity = (l: GroupLoad) =>
    l.offset === 0 && l.indirect === undefined && group.axes.every((a, i) => a.extent === 1 || l.strides[i] === dense[i]);
  return members
    .filter((m) => m.level === "element")
    .flatMap((m) =>
      group.loads
        .filter(
          (l) => isIdentity(l) && group.loads.filter((o) => o.source === l.source).length === 1 && l.source.aval.size === m.node.aval.size,
        )
        .map((l) => ({ output: m.node, input: l.source })),
    );
}

/** Groups that become epilogues, with their products. */
function epilogues(fused: Fused): Map<Group, Opaque> {
  const readers = new Map<Value, { unit: Unit; load: Load | GroupLoad | undefined }[]>();
  const note = (value: Value, unit: Unit, l?: GroupLoad) => {
    const list = readers.get(value);
    if (list === undefined) readers.set(value, [{ unit, load: l }]);
    else list.push({ unit, load: l });
  };
  for (const unit of fused.units) {
    if (unit.kind === "group") for (const l of unit.loads) note(l.source, unit, l);
    else if (unit.assembly !== undefined) for (const { value } of unit.assembly.pieces) for (const l of value.loads) note(l.source, unit);
    else for (const o of unit.operands) note(sourceOf(o).value, unit);
  }
  const out = new Map<Group, Opaque>();
  for (const unit of fused.units) {
    if (unit.kind !== "opaque" || !FINISHED.has(unit.node.primitive.name) || fused.stored.has(unit.node)) continue;
    const [only, ...more] = readers.get(unit.node) ?? [];
    if (only === undefined || more.length > 0 || only.unit.kind !== "group" || out.has(only.unit)) continue;
    if (isOutput(unit.node, fused)) continue;
    if (epilogueLaunch(unit, only.unit, fused) !== undefined) out.set(only.unit, unit);
  }
  return out;
}

function isOutput(value: Value, fused: Fused): boolean {
  return fused.outputs.has(value);
}

/** What may have an epilogue. */
const FINISHED: ReadonlySet<string> = new Set(["matmul", "convolution"]);

function productOf(product: Opaque): MatmulLaunch | ConvolutionLaunch {
  const { node } = product;
  const [launch] = node.primitive.lower(
    node.args.map((a) => a.aval),
    node.aval,
    node.params,
  );
  assert(launch?.kind === "matmul" || launch?.kind === "convolution", "a product is no product");
  return launch;
}

/** The three axes of a result over which an epilogue runs. */
function spaceOf(launch: MatmulLaunch | ConvolutionLaunch): [number, number, number] {
  if (launch.kind === "matmul") return [launch.batch.length, launch.m, launch.n];
  return [launch.n, launch.o, launch.output[0] * launch.output[1]];
}

/** The map over [batch, m, n] that a group is to the product that it reads, or undefined where it is not such a map. */
function epilogueLaunch(
  product: Opaque,
  group: Group,
  fused: Fused,
): { launch: KernelLaunch; loads: readonly GroupLoad[]; members: readonly Member[] } | undefined {
  if (group.reductions.length > 0 || group.indexed || group.loads.some((l) => l.indirect)) return undefined;
  const result = productOf(product);
  const { dtype } = result;
  const space = spaceOf(result);
  const [count, m, n] = space;
  const own = group.loads.find((l) => l.source === product.node) as GroupLoad;
  const members = [...storedOf(group, fused)].sort((a, b) => Number(b.node.aval.dtype === dtype) - Number(a.node.aval.dtype === dtype));
  const dense = [m * n, n, 1];
  const strideOf = (l: GroupLoad) => regroup(group.extents, l.strides, space);
  const same = (s: readonly number[] | undefined) => s?.every((x, i) => space[i] === 1 || x === dense[i]);
  if (group.extents.reduce((a, d) => a * d, 1) !== count * m * n || own.offset !== 0 || !same(strideOf(own))) return undefined;
  if (members[0]?.node.aval.dtype !== dtype || members.length > MOST_OUTPUTS) return undefined;
  const others = group.loads.filter((l) => l !== own);
  const views = others.map((l) => ({ l, strides: strideOf(l) }));
  if (views.some((v) => v.strides === undefined)) return undefined;
  const number = new Map(group.loads.map((l, i) => [i, l === own ? 0 : others.indexOf(l) + 1]));
  const renumbered = (e: Expr) =>
    rewrite([e], (x) => (x.kind === "load" ? load(number.get(x.operand) as number, x.dtype) : undefined))[0] as Expr;
  const launch = describeFused({
    extents: space,
    operands: [
      { dtype, strides: dense, input: -1 },
      ...views.map(({ l, strides }, i) => ({ dtype: l.dtype, strides: strides as number[], offset: l.offset, input: i + 2 })),
    ],
    outputs: members.map((x) => ({ dtype: x.node.aval.dtype, strides: dense, result: renumbered(x.expr) })),
    indexed: true,
  });
  return { launch, loads: others, members };
}

function productStep(product: Opaque, group: Group, fused: Fused): Step {
  const found = epilogueLaunch(product, group, fused);
  assert(found, "an epilogue is none");
  return {
    launches: [{ ...productOf(product), epilogue: found.launch }],
    outputs: found.members.map((m) => m.node),
    inputs: [...product.operands.map(sourceOf), ...found.loads.map((l) => ({ value: l.source, offset: 0 }))],
    inPlace: [],
  };
}
