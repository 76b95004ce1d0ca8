/**
 * Programs: straight-line computations on tensors whose shapes are known, as graphs of primitives from inputs to outputs. A
 * program is immutable; equal applications are one node (so building is common subexpression elimination), and what no output
 * needs is not part of it (so there is no dead code). Passes build one program from another.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import type { DType, TypedArray } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import type { AnyPrimitive } from "../primitive.ts";

export interface Input {
  readonly kind: "input";
  readonly id: number;
  readonly index: number;
  readonly aval: Aval;
}

export interface Constant {
  readonly kind: "constant";
  readonly id: number;
  readonly aval: Aval;
  /** Row-major. */
  readonly data: TypedArray;
}

export interface Node {
  readonly kind: "node";
  /** Larger than the ids of the arguments. */
  readonly id: number;
  readonly primitive: AnyPrimitive;
  readonly params: unknown;
  readonly args: readonly Value[];
  readonly aval: Aval;
  /** It is computed no sooner than this value is there, of which it is not made: so it is no node that need not wait. */
  readonly after: Value | undefined;
  /** What the program's maker made it from: a node of its own, which errors and timelines name. */
  readonly source: unknown;
}

export type Value = Input | Constant | Node;

export interface Program {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Value[];
}

/** Builds one program. Values of one builder only may be combined. */
export class ProgramBuilder {
  readonly inputs: Input[] = [];
  private readonly made = new Map<string, Value>();
  private ids = 0;
  /** What the next nodes are made from. */
  source: unknown;
  /** What the next nodes come after. */
  after: Value | undefined;

  input(a: Aval): Input {
    const input: Input = { kind: "input", id: this.ids++, index: this.inputs.length, aval: a };
    this.inputs.push(input);
    return input;
  }

  /** A tensor of host data; equal small ones are one value. The array is not copied: nobody may change it. */
  constant(a: Aval, data: TypedArray): Constant {
    if (data.length !== a.size) throw mismatch(`${data.length} values do not fill a constant ${showAval(a)}`);
    const make = (): Constant => ({ kind: "constant", id: this.ids++, aval: a, data });
    if (a.size > 64) return make();
    const key = `c${a.id}:${Array.from(data, (x) => (Object.is(x, -0) ? "-0" : String(x))).join(",")}`;
    return this.find(key, make) as Constant;
  }

  /** 0, 1, 2, … as i32. */
  iota(length: number): Constant {
    const make = (): Constant => ({
      kind: "constant",
      id: this.ids++,
      aval: aval([length], "i32"),
      data: Int32Array.from({ length }, (_, i) => i),
    });
    return this.find(`iota${length}`, make) as Constant;
  }

  /** A constant of one element and shape []. */
  scalar(value: number, dtype: DType): Constant {
    const data = dtype === "f32" ? Float32Array.of(value) : dtype === "f64" ? Float64Array.of(value) : Int32Array.of(value);
    return this.constant(aval([], dtype), data);
  }

  /** An application. Throws the primitive's own error where avals do not fit. */
  apply(primitive: AnyPrimitive, args: readonly Value[], params: unknown): Node {
    const { after } = this;
    const key = `${primitive.name}:${params === undefined ? "" : primitive.paramsKey(params)}(${args.map((a) => a.id).join(",")})${after === undefined ? "" : after.id}`;
    return this.find(key, () => ({
      kind: "node",
      id: this.ids++,
      primitive,
      params,
      args,
      aval: primitive.inferAval(
        args.map((a) => a.aval),
        params,
      ),
      after,
      source: this.source,
    })) as Node;
  }

  finish(outputs: readonly Value[]): Program {
    return { inputs: this.inputs, outputs };
  }

  private find(key: string, make: () => Value): Value {
    let value = this.made.get(key);
    if (value === undefined) {
      value = make();
      this.made.set(key, value);
    }
    return value;
  }
}

const nodes = new WeakMap<Program, readonly Node[]>();

/** The nodes that the outputs need, arguments first. */
export function nodesOf(program: Program): readonly Node[] {
  let found = nodes.get(program);
  if (found === undefined) {
    found = neededBy(program);
    nodes.set(program, found);
  }
  return found;
}

function neededBy(program: Program): Node[] {
  const seen = new Set<Value>();
  const stack = [...program.outputs];
  for (let v = stack.pop(); v !== undefined; v = stack.pop()) {
    if (seen.has(v)) continue;
    seen.add(v);
    if (v.kind === "node") stack.push(...v.args);
  }
  return [...seen].filter((v) => v.kind === "node").sort((a, b) => a.id - b.id);
}

/** A program built anew: `make` gives each node's replacement from its new arguments. O(nodes). */
export function rebuild(program: Program, make: (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value): Program {
  const build = new ProgramBuilder();
  const renewed = new Map<Value, Value>(program.inputs.map((i) => [i, build.input(i.aval)]));
  const renew = (v: Value): Value => {
    let found = renewed.get(v);
    if (found === undefined && v.kind === "constant") {
      found = build.constant(v.aval, v.data);
      renewed.set(v, found);
    }
    return found as Value;
  };
  for (const node of nodesOf(program)) {
    build.source = node.source;
    build.after = node.after && renewed.get(node.after);
    renewed.set(node, make(build, node, node.args.map(renew)));
  }
  return build.finish(program.outputs.map(renew));
}

/** The program as text, one node a line. */
export function showProgram(program: Program): string {
  const names = new Map<Value, string>();
  const nodes = nodesOf(program);
  for (const input of program.inputs) names.set(input, `x${input.index}`);
  for (const [i, node] of nodes.entries()) names.set(node, `%${i}`);
  const name = (v: Value): string =>
    v.kind === "constant" ? (v.aval.size === 1 ? String(v.data[0]) : `constant ${showAval(v.aval)}`) : (names.get(v) as string);
  const line = (n: Node) => {
    const params = n.params === undefined ? "" : ` ${JSON.stringify(n.params)}`;
    const after = n.after === undefined ? "" : ` after ${names.get(n.after) ?? "what nobody needs"}`;
    return `  ${name(n)}: ${showAval(n.aval)} = ${n.primitive.name}(${n.args.map(name).join(", ")})${params}${after}`;
  };
  const head = program.inputs.map((i) => `${name(i)}: ${showAval(i.aval)}`).join(", ");
  return [`program(${head})`, ...nodes.map(line), `  return ${program.outputs.map(name).join(", ")}`].join("\n");
}
