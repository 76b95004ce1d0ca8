/**
 * Dataflows as JSON, with the values of their variables: loaded in a fresh process, without the code that built them, they give bitwise
 * the same results. Values are numbered across all graphs; each graph lists its nodes, inputs before users. What is read is checked
 * against the format and the types that the operations themselves infer.
 */
import { z } from "zod";
import { aval } from "../../core/base/aval.ts";
import { BenchError, unsupported } from "../../core/base/errors.ts";
import { type PrimitiveName, primitives } from "../../core/primitives/table.ts";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, type Tensor } from "../../core/tensor/tensor.ts";
import { addState, type If, openIf, openWhile, setNext, type While } from "./control.ts";
import { type Building, type Dataflow, Dataflow as Flow, mapEnds, Update } from "./dataflow.ts";
import { type Graph, graphsIn, inside, type Node, type Operation, type Output } from "./graph.ts";
import { aboutOf, from, named, nameOf, type Origin, spanOf } from "./origin.ts";
import {
  broken,
  FORMAT,
  fileSchema,
  numberOf,
  paramsIn,
  paramsOut,
  type SavedDataflow,
  type SavedGraph,
  type SavedNode,
  tensorIn,
  tensorOut,
  typeIn,
  typeOut,
  wordOf,
} from "./saved-format.ts";
import { Session } from "./session.ts";
import { sameType, showType, type Type } from "./type.ts";
import { inOrder } from "./walk.ts";

/** A dataflow and the values of a session's variables, as JSON. Open dimensions are as they are in `shapes`, by placeholder. */
export function save(session: Session, shapes: Readonly<Record<string, readonly number[]>> = {}): SavedDataflow {
  const { dataflow } = session;
  const forms = Object.entries(shapes).map(([name, shape]) => {
    const p = dataflow.first.building.placeholders.get(name);
    if (p === undefined) throw new BenchError("usage", `there is no placeholder ${name}`);
    return [name, aval(shape, p.dtype)] as const;
  });
  const { building, ends } = dataflow.for(new Map(forms));
  for (const p of building.placeholders.values())
    if (p.shape.some((d) => typeof d !== "number") && shapes[p.name] === undefined)
      throw new BenchError("usage", `placeholder ${p.name} has open dimensions`, {
        advice: `save(session, { ${p.name}: [...] }) for one shape`,
      });
  const numbers = new Map<Output, number>();
  const number = (o: Output) => {
    const n = numbers.get(o) ?? numbers.size;
    numbers.set(o, n);
    return n;
  };
  let next = 0;
  const tree = mapEnds(dataflow.ends, () => {
    const end = ends[next++] as Output | Update;
    return end instanceof Update ? { update: end.variable.name, value: number(end.value) } : { output: number(end) };
  });
  const placeholders = [...building.placeholders.values()].map((p) => ({
    name: p.name,
    dtype: p.dtype,
    shape: [...(p.output.shape as readonly number[])],
    value: number(p.output),
  }));
  const variables = [...dataflow.variables.values()].map((v) => {
    const read = building.reads.get(v.name);
    const now = scope(() => {
      const t = session.read(v.name);
      return tensorOut(t.toArray(), t);
    });
    return { name: v.name, isTrainable: v.isTrainable, value: read === undefined ? null : number(read), now };
  });
  const roots = ends.map((e) => (e instanceof Update ? e.value : e));
  const files: string[] = [];
  return {
    format: FORMAT,
    name: dataflow.name,
    placeholders,
    variables,
    graph: graphOut(building.graph, roots, number, files),
    files,
    ends: tree as never,
  };
}

function graphOut(graph: Graph, results: readonly Output[], number: (o: Output) => number, files: string[]): SavedGraph {
  const nodes = inOrder(results)
    .filter((n) => n.op !== "parameter")
    .flatMap((n): SavedNode[] => {
      const { operation } = n;
      if (operation.op === "call")
        throw unsupported(
          `a graph that calls the function ${operation.callee.graph.name} is to be saved`,
          "save one that says it by whileLoop or scan: files hold no functions",
        );
      // Derivatives have been taken: of one of its own, the values are left.
      if (operation.op === "custom")
        return n.outputs.map((o, i) => ({
          op: "identity",
          ...originOut(n, files),
          in: [number(n.inputs[operation.arguments + i] as Output)],
          out: [number(o)],
          types: [typeOut(o.type)],
        }));
      const inner = graphsIn(n);
      const saved: SavedNode = {
        op: operation.op,
        ...originOut(n, files),
        ...(n.scope === "" ? {} : { scope: n.scope }),
        in: n.inputs.map(number),
        ...(n.captures.length === 0 ? {} : { captures: n.captures.map(number) }),
        out: n.outputs.map(number),
        types: n.outputs.map((o) => typeOut(o.type)),
        ...operationOut(operation),
        ...(inner.length === 0 ? {} : { graphs: inner.map((g) => graphOut(g, g.results, number, files)) }),
      };
      return [saved];
    });
  return { parameters: graph.parameters.map(number), captured: graph.captured.map(number), nodes, results: results.map(number) };
}

/** What a node is called, its place in one of the files, which are added where they are not there, and what it is about. */
function originOut(n: Node, files: string[]): Pick<SavedNode, "name" | "at" | "about"> {
  const [span, about] = [spanOf(n), aboutOf(n)];
  if (span !== undefined && !files.includes(span.file)) files.push(span.file);
  return {
    name: nameOf(n),
    ...(span === undefined ? {} : { at: [files.indexOf(span.file), span.line, span.column] as const }),
    ...(about === undefined ? {} : { about }),
  } as Pick<SavedNode, "name" | "at" | "about">;
}
function originIn({ name, at, about }: SavedNode, files: readonly string[]): Origin | undefined {
  if (name === undefined) return undefined;
  const file = files[at?.[0] ?? 0];
  return { saved: { name, span: at === undefined || file === undefined ? undefined : { file, line: at[1], column: at[2] }, about } };
}

function operationOut(operation: Operation): Partial<SavedNode> {
  switch (operation.op) {
    case "apply":
      return {
        primitive: operation.primitive.name,
        ...(operation.params === undefined ? {} : { params: paramsOut(operation.params) as never }),
        ...(operation.isDerivative ? { isDerivative: true } : {}),
      };
    case "constant": {
      const { value } = operation;
      return { value: typeof value === "number" ? wordOf(value) : tensorOut(value.data, value.aval) };
    }
    case "stack":
    case "unstack":
      return { reversed: operation.reversed };
    case "check":
      return { message: operation.message };
    default:
      return {};
  }
}

/** A dataflow from JSON, and a session whose variables are as they were saved. Throws where the file is not what `save` writes. */
export function restore(json: unknown): { readonly dataflow: Dataflow; readonly session: Session } {
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) throw broken(z.prettifyError(parsed.error));
  const file = parsed.data;
  const dataflow = new Flow<unknown>(file.name, (g) => endsIn(file, g));
  return { dataflow, session: new Session(dataflow) };
}

function endsIn(file: SavedDataflow, g: Building): unknown {
  const values = new Map<number, Output>();
  for (const p of file.placeholders) values.set(p.value, g.placeholder(p.name, p.dtype, p.shape) as unknown as Output);
  for (const v of file.variables) {
    const { aval: a, data } = tensorIn(v.now);
    const read = g.variable(v.name, () => createTensor(data, a.shape, a.dtype), { trainable: v.isTrainable });
    if (v.value !== null) values.set(v.value, read as unknown as Output);
  }
  nodesIn(file.graph, g.graph, values, file.files);
  const value = (n: unknown): Output => {
    const found = values.get(n as number);
    if (found === undefined) throw broken(`value ${String(n)} is asked for and not there`);
    return found;
  };
  const end = (e: unknown): unknown => {
    if (typeof e !== "object" || e === null) return e;
    if (Array.isArray(e)) return e.map(end);
    if ("output" in e && typeof e.output === "number") return value(e.output);
    if ("update" in e && typeof e.update === "string")
      return g.assign(
        g.variable(e.update, () => createTensor([], [0])),
        value((e as { value?: unknown }).value) as unknown as Tensor,
      );
    return Object.fromEntries(Object.entries(e).map(([k, x]) => [k, end(x)]));
  };
  return end(file.ends);
}

function nodesIn({ nodes }: SavedGraph, graph: Graph, values: Map<number, Output>, files: readonly string[] = []): void {
  const at = (n: number): Output => {
    const found = values.get(n);
    if (found === undefined) throw broken(`value ${n} is read before it is computed`);
    return found;
  };
  for (const saved of nodes) {
    inside(graph, () => from(originIn(saved, files), () => named(`/${saved.scope ?? ""}`, () => nodeIn(saved, graph, at, values, files))));
  }
}

function nodeIn(saved: SavedNode, graph: Graph, at: (n: number) => Output, values: Map<number, Output>, files: readonly string[]): void {
  const inputs = saved.in.map(at);
  let node: Node;
  if (saved.op === "if") node = ifIn(saved, openIf(inputs[0] as Output), at, values, files);
  else if (saved.op === "while") node = whileIn(saved, inputs, at, values, files);
  else {
    const types = saved.types.map(typeIn);
    const operation = operationIn(saved);
    if (operation.op === "apply") checkApplication(operation, inputs, types);
    node = graph.add(operation, inputs, types);
  }
  if (node.outputs.length !== saved.out.length)
    throw broken(`${saved.op} has ${node.outputs.length} outputs, and ${saved.out.length} are listed`);
  for (const [i, o] of node.outputs.entries()) {
    if (!sameType(o.type, typeIn(saved.types[i] as never)))
      throw broken(`an output of ${saved.op} is ${showType(o.type)}, and is listed otherwise`);
    values.set(saved.out[i] as number, o);
  }
}

function operationIn(saved: SavedNode): Operation {
  const { op, value, reversed = false } = saved;
  switch (op) {
    case "apply": {
      const primitive = Object.hasOwn(primitives, saved.primitive ?? "") ? primitives[saved.primitive as PrimitiveName] : undefined;
      if (primitive === undefined) throw broken(`there is no primitive ${saved.primitive}`);
      const params = saved.params === undefined ? undefined : paramsIn(saved.params);
      return { op, primitive: primitive as never, params, isDerivative: saved.isDerivative ?? false };
    }
    case "constant":
      if (value === undefined) throw broken("a constant has no value");
      return { op, value: typeof value === "object" ? tensorIn(value) : numberOf(value) };
    case "stack":
    case "unstack":
      return { op, reversed };
    case "check":
      return { op, message: saved.message ?? "" };
    case "identity":
    case "emptyList":
    case "push":
    case "pop":
    case "addLists":
    case "unset":
      return { op };
    default:
      throw broken(`there is no operation ${op}`);
  }
}

/** The type of a result is what its primitive says. */
function checkApplication(
  { primitive, params }: Extract<Operation, { op: "apply" }>,
  inputs: readonly Output[],
  types: readonly Type[],
): void {
  const [type] = types;
  if (type?.kind !== "tensor") return;
  const inferred = primitive.inferAval(
    inputs.map((x) => x.aval),
    params,
  );
  if (inferred !== type.aval)
    throw broken(`${primitive.name} gives ${showType({ kind: "tensor", aval: inferred })}, and is listed as ${showType(type)}`);
}

function graphIn(saved: SavedGraph, graph: Graph, values: Map<number, Output>, files: readonly string[]): readonly Output[] {
  for (const [i, n] of saved.parameters.entries()) values.set(n, graph.parameters[i] as Output);
  for (const [i, n] of saved.captured.entries()) values.set(n, graph.captured[i] as Output);
  nodesIn(saved, graph, values, files);
  return saved.results.map((n) => {
    const found = values.get(n);
    if (found === undefined) throw broken(`value ${n} is given by a graph and not there`);
    return found;
  });
}

function ifIn(saved: SavedNode, node: If, at: (n: number) => Output, values: Map<number, Output>, files: readonly string[]): Node {
  for (const n of saved.captures ?? []) node.capture(at(n));
  const [consequent, otherwise] = saved.graphs ?? [];
  if (consequent === undefined || otherwise === undefined) throw broken("an if lacks a branch");
  for (const [k, g] of [consequent, otherwise].entries()) {
    const graph = graphsIn(node as Node)[k] as Graph;
    graph.results.push(...inside(graph, () => graphIn(g, graph, values, files)));
  }
  for (const r of node.operation.consequent.results) node.addOutput(r.type);
  return node as Node;
}

function whileIn(
  saved: SavedNode,
  inputs: readonly Output[],
  at: (n: number) => Output,
  values: Map<number, Output>,
  files: readonly string[],
): Node {
  const node: While = openWhile();
  const states = inputs.map((x) => addState(node, x));
  for (const n of saved.captures ?? []) node.capture(at(n));
  const [test, body] = saved.graphs ?? [];
  if (test === undefined || body === undefined) throw broken("a while lacks its test or its body");
  const { operation } = node;
  operation.test.results.push(...inside(operation.test, () => graphIn(test, operation.test, values, files)));
  const next = inside(operation.body, () => graphIn(body, operation.body, values, files));
  for (const [i, state] of states.entries()) setNext(node, state, next[i] as Output);
  return node as Node;
}
