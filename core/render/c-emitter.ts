/**
 * Text of C kernels: nested loops with, at every depth, the expressions that can be computed there and have not been (so what does
 * not move along an axis is computed before its loop), and pointers that follow the loops. The lanes' loop is the innermost; along
 * it elements are addressed by index, which is what compilers turn into vectors.
 */
import { assert } from "../base/errors.ts";
import type { Kernel, Operand } from "../kernel/kernel.ts";
import { type Expr, operandsOf, postorder } from "../kernel/scalar-expr.ts";
import { C_TYPE, constantText, nodeText } from "./c-scalar.ts";

/** What an expression waits for: a bit per axis that it moves along, and the number of reductions that must be done. */
interface Needs {
  readonly axes: number;
  readonly stages: number;
}

/** The numbers of the words in which a launch gives strides. */
export interface Strides {
  stride(operand: number, axis: number): number;
  indexStride(operand: number): number;
}

/** The text of the check of an index that no check before the kernel could see, or undefined. */
export type LateCheck = (operand: number, at: Expr, name: string) => string | undefined;

/** Most elements of a row that are summed by quarters, or computed before they are summed, at once; and fewest. */
export const BLOCK = 1024;
const LEAST_BLOCK = 128;

export class CEmitter {
  readonly kernel: Kernel;
  readonly layout: Strides;
  /** Reductions whose results can be read, and the text of a result. */
  stages = 0;
  reducedText: (stage: number) => string = () => assert(false, "a result is read before its reduction") as never;
  lateCheck: LateCheck = () => undefined;
  /** The operands, the outputs, and once more the output that the last fold keeps its elements in. */
  readonly operands: readonly Operand[];
  readonly lanes: number;
  private readonly lines: string[] = [];
  private depth = 0;
  private openAxes = 0;
  /** Names of the coordinates of open axes. */
  private readonly coordinate: string[] = [];
  protected laneVariable: string | undefined;
  protected pointers: string[];
  private scopes: Map<Expr, string>[] = [new Map()];
  private readonly needs = new Map<Expr, Needs>();

  constructor(kernel: Kernel, layout: Strides, operands: readonly Operand[], lanes: number) {
    this.kernel = kernel;
    this.layout = layout;
    this.operands = operands;
    this.lanes = lanes;
    this.pointers = operands.map((_, k) => `p${k}`);
  }

  text(): string {
    return `${this.lines.join("\n")}\n`;
  }

  line(...texts: readonly string[]): void {
    for (const text of texts) this.lines.push("  ".repeat(this.depth) + text);
  }

  /** A braced block in which new names live. */
  block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.depth++;
    this.scopes.push(new Map());
    const pointers = this.pointers;
    this.pointers = [...pointers];
    body();
    this.pointers = pointers;
    this.scopes.pop();
    this.depth--;
    this.line("}");
  }

  /** A loop over an axis that is not the lanes' (or is, but walks tiles of it): pointers move along. */
  loop(axis: number, from: string, to: string, body: () => void, variable = `i${axis}`): void {
    this.block(`for (int64_t ${variable} = ${from}; ${variable} < ${to}; ${variable}++)`, () => {
      this.opened(axis, variable, () => {
        this.movePointers(axis, variable);
        body();
      });
    });
  }

  /** Pointers to the elements at coordinate `variable` of `axis`. */
  movePointers(axis: number, variable: string): void {
    for (const [k, o] of this.operands.entries()) {
      if (o.access[axis] === "fixed") continue;
      const name = `${this.pointers[k]}_${axis}`;
      this.line(`${C_TYPE[o.dtype]} *const ${name} = ${this.pointers[k]} + ${this.step(k, axis, variable)};`);
      this.pointers[k] = name;
    }
  }

  /** The innermost loop, along the lanes. `simd`: its pragma, where rounds are independent; `origin` is added to the coordinate. */
  lanesLoop(from: string, to: string, simd: string | undefined, body: () => void, origin?: string): void {
    const v = origin === undefined ? `i${this.lanes}` : "j";
    if (simd !== undefined) this.line(`#pragma omp simd ${simd}`.trimEnd());
    this.block(`for (int64_t ${v} = ${from}; ${v} < ${to}; ${v}++)`, () => {
      this.laneVariable = v;
      this.opened(this.lanes, origin === undefined ? v : `(${origin} + ${v})`, body);
      this.laneVariable = undefined;
    });
  }

  /**
   * The lanes' loop over [from, to) by blocks of four quarters, four elements a round: `round` gets what makes the element of a quarter
   * the current one. Short rows, and what the quarters leave, go by single elements.
   */
  quartersLoop(
    from: string,
    to: string,
    simd: string | undefined,
    round: (each: (quarter: number, body: () => void) => void) => void,
    single: () => void,
  ): void {
    const v = `i${this.lanes}`;
    this.blocksLoop(from, to, () => {
      if (simd !== undefined) this.line(`#pragma omp simd ${simd}`.trimEnd());
      this.block("for (int64_t h = c; h < c + quarter; h++)", () =>
        round((quarter, body) =>
          this.block("", () => {
            this.line(`const int64_t ${v} = h + ${quarter} * quarter;`);
            this.laneVariable = v;
            this.opened(this.lanes, v, body);
            this.laneVariable = undefined;
          }),
        ),
      );
    });
    this.rest(to, () => this.lanesLoop("c", to, simd, single));
  }

  /** What the blocks of `blocksLoop` leave of [from, to), if any: a loop of no rounds would still join its accumulators. */
  rest(to: string, body: () => void): void {
    this.block(`if (c < ${to})`, body);
  }

  /** Blocks [c, c + 4 quarter) of [from, to), as long as they are worth it; `c` is where what is left begins. */
  blocksLoop(from: string, to: string, body: () => void): void {
    this.line(`int64_t c = ${from}, quarter;`);
    this.block(`for (; ${to} - c >= ${LEAST_BLOCK}; c += 4 * quarter)`, () => {
      this.line(`quarter = ${to} - c < ${BLOCK} ? (${to} - c) / 4 : ${BLOCK / 4};`);
      body();
    });
  }

  /** A block in which `axis`, walked by an outer loop of steps, is at coordinate `variable`. */
  atStep(axis: number, variable: string, body: () => void): void {
    this.block("", () =>
      this.opened(axis, variable, () => {
        this.movePointers(axis, variable);
        body();
      }),
    );
  }

  protected opened(axis: number, coordinate: string, body: () => void): void {
    this.openAxes |= 1 << axis;
    this.coordinate[axis] = coordinate;
    body();
    this.openAxes &= ~(1 << axis);
  }

  coordinateOf(axis: number): string {
    return this.coordinate[axis] as string;
  }

  protected step(operand: number, axis: number, variable: string): string {
    return this.operands[operand]?.access[axis] === "unit" ? variable : `${variable} * s${this.layout.stride(operand, axis)}`;
  }

  /** Declares what can be computed here of `roots` and below. */
  hoist(roots: readonly Expr[]): void {
    for (const e of postorder(roots)) {
      if (e.kind === "const" || this.known(e) !== undefined) continue;
      const { axes, stages } = this.needsOf(e);
      if ((axes & ~this.openAxes) !== 0 || stages > this.stages) continue;
      if (e.kind === "load" && e.at !== undefined) {
        const check = this.lateCheck(e.operand, e.at, this.name(e.at));
        if (check !== undefined) this.line(check);
      }
      const name = `t${e.id}`;
      this.line(`const ${C_TYPE[e.dtype]} ${name} = ${this.expression(e)};`);
      (this.scopes.at(-1) as Map<Expr, string>).set(e, name);
    }
  }

  /** The name of a value that has been declared, or a constant. */
  name(e: Expr): string {
    if (e.kind === "const") return constantText(e.value, e.dtype);
    const found = this.known(e);
    assert(found !== undefined, `an expression of kind ${e.kind} is used before it can be computed`);
    return found;
  }

  private known(e: Expr): string | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const name = this.scopes[i]?.get(e);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  private expression(e: Exclude<Expr, { kind: "const" }>): string {
    switch (e.kind) {
      case "load":
        return this.element(e.operand, e.at === undefined ? undefined : this.name(e.at));
      case "index":
        return `(tg_i32)${this.coordinateOf(e.axis)}`;
      case "reduced":
        return this.reducedText(e.stage);
      default:
        return nodeText(e, (arg) => this.name(arg));
    }
  }

  /** The element of an operand here; `at` is the index along its indirect axis. */
  element(operand: number, at?: string): string {
    const terms: string[] = [];
    const access = this.operands[operand]?.access[this.lanes];
    if (this.laneVariable !== undefined && access !== undefined && access !== "fixed")
      terms.push(this.step(operand, this.lanes, this.laneVariable));
    if (at !== undefined) terms.push(`(int64_t)${at} * s${this.layout.indexStride(operand)}`);
    return `${this.pointers[operand]}[${terms.join(" + ") || "0"}]`;
  }

  /** The element of an operand at coordinate `lane` of the lanes' axis. */
  elementAt(operand: number, lane: string): string {
    const before = this.laneVariable;
    this.laneVariable = lane;
    const text = this.element(operand);
    this.laneVariable = before;
    return text;
  }

  needsOf(e: Expr): Needs {
    let found = this.needs.get(e);
    if (found === undefined) {
      for (const d of postorder([e])) if (!this.needs.has(d)) this.needs.set(d, this.ownNeeds(d));
      found = this.needs.get(e) as Needs;
    }
    return found;
  }

  private ownNeeds(e: Expr): Needs {
    let axes = 0;
    let stages = 0;
    for (const arg of operandsOf(e)) {
      const n = this.needs.get(arg) as Needs;
      axes |= n.axes;
      stages = Math.max(stages, n.stages);
    }
    if (e.kind === "load")
      for (const [a, access] of (this.operands[e.operand] as Operand).access.entries()) if (access !== "fixed") axes |= 1 << a;
    if (e.kind === "index") axes |= 1 << e.axis;
    if (e.kind === "reduced") {
      axes |= (1 << (this.kernel.rank - this.kernel.reduced)) - 1;
      stages = Math.max(stages, e.stage + 1);
    }
    return { axes, stages };
  }
}
