/**
 * Tensor regions: the straight-line tensor work of a block of a graph as programs of the core's compile service, so that forward
 * and backward part fuse into the same kernels and run as one call. A block is cut only where a number has to be known on the host
 * before more tensors can be computed: nodes are levelled by how many times that happens on the way to them.
 */
import { aval } from "../../../core/base/aval.ts";
import type { DType } from "../../../core/base/dtype.ts";
import { type Program, ProgramBuilder, type Value } from "../../../core/compile/program.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { weakDType } from "../../../core/tensor/eager.ts";
import { type ApplyNode, type Graph, type Node, nodesOf, TensorConstant } from "../ir/graph.ts";

/** Tensors that are computed by one call of a plan. */
export interface Region {
  readonly op: "region";
  /** What the call is given. */
  readonly args: readonly Node[];
  /** For arguments that are numbers, the dtype of the tensor that they become. */
  readonly dtypes: readonly (DType | undefined)[];
  readonly outputs: readonly Node[];
  readonly program: Program;
}

/** What a block emits in order. */
export type Unit = Node | Region;

const isTensorWork = (n: Node): n is ApplyNode => n.op === "apply" && n.type.kind === "tensor";
/** Operations that compute nothing. */
const isNothing = (n: ApplyNode): boolean => n.primitive === primitives.lift || n.primitive === primitives.stopGradient;

/** The nodes of a graph with tensor work put together: arguments before users. O(nodes). */
export function schedule(graph: Graph): readonly Unit[] {
  const nodes = nodesOf(graph);
  if (!nodes.some(isTensorWork)) return nodes;
  const result = graph.result as Node;
  const level = new Map<Node, number>();
  const levels: { host: Node[]; tensors: ApplyNode[] }[] = [];
  for (const n of nodes) {
    const own = isTensorWork(n);
    let l = 0;
    for (const a of n.args) l = Math.max(l, (level.get(a) as number) + (!own && isTensorWork(a) ? 1 : 0));
    level.set(n, l);
    while (levels.length <= l) levels.push({ host: [], tensors: [] });
    const at = levels[l] as (typeof levels)[number];
    if (own) at.tensors.push(n);
    else at.host.push(n);
  }
  const users = new Map<Node, Node[]>();
  for (const n of nodes) {
    for (const a of n.args) {
      const list = users.get(a);
      if (list === undefined) users.set(a, [n]);
      else list.push(n);
    }
  }
  return levels.flatMap(({ host, tensors }): Unit[] => {
    // One operation alone is applied as it is: its kernel is shared with all others of its shape.
    if (tensors.filter((n) => !isNothing(n)).length < 2) return [...host, ...tensors];
    const inside = new Set<Node>(tensors);
    const outputs = tensors.filter((n) => n === result || users.get(n)?.some((u) => !inside.has(u)));
    return [...host, regionOf(tensors, outputs)];
  });
}

function regionOf(nodes: readonly ApplyNode[], outputs: readonly Node[]): Region {
  const build = new ProgramBuilder();
  const values = new Map<Node, Value>();
  const args: Node[] = [];
  const dtypes: (DType | undefined)[] = [];
  const numbers = new Map<string, Value>();
  const tensor = (n: Node): Value => {
    let value = values.get(n);
    if (value === undefined) {
      if (n.op === "const" && n.value instanceof TensorConstant) value = build.constant(n.value.aval, n.value.data);
      else {
        value = build.input((n.type as { aval: Value["aval"] }).aval);
        args.push(n);
        dtypes.push(undefined);
      }
      values.set(n, value);
    }
    return value;
  };
  const number = (n: Node, dtype: DType): Value => {
    if (n.op === "const") return build.scalar(Number(n.value), dtype);
    const key = `${n.id}${dtype}`;
    let value = numbers.get(key);
    if (value === undefined) {
      value = build.input(aval([], dtype));
      args.push(n);
      dtypes.push(dtype);
      numbers.set(key, value);
    }
    return value;
  };
  for (const n of nodes) {
    build.span = n.span;
    if (isNothing(n)) {
      const [x] = n.args as [Node];
      values.set(n, x.type.kind === "tensor" ? tensor(x) : number(x, (n.params as { dtype: DType }).dtype));
      continue;
    }
    const typing = n.args.flatMap((a) => (a.type.kind === "tensor" ? [a.type] : []));
    // The condition of `where` says nothing about the dtype of a number beside it.
    const types = n.primitive === primitives.where && typing.length > 1 ? typing.slice(1) : typing;
    const given = n.args.map((a) =>
      a.type.kind === "tensor" ? tensor(a) : number(a, weakDType(a.op === "const" ? Number(a.value) : 0, types)),
    );
    values.set(n, build.apply(n.primitive, given, n.params));
  }
  const program = build.finish(outputs.map((n) => values.get(n) as Value));
  return { op: "region", args, dtypes, outputs, program };
}
