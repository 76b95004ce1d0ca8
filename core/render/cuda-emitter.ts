/**
 * Text of CUDA kernels: as for C, expressions are computed as early as they can be and pointers follow the axes that are open; here
 * axes are opened at coordinates that a thread works out of its number. Elements that lie side by side are loaded four at a time,
 * and every access by an index is guarded: one that is out of range is reported and neither read nor written.
 */
import type { Kernel, Operand } from "../kernel/kernel.ts";
import type { Expr } from "../kernel/scalar-expr.ts";
import { CEmitter } from "./c-emitter.ts";
import { C_TYPE } from "./c-scalar.ts";
import type { CudaLayout } from "./cuda-layout.ts";
import type { Site } from "./wasm-layout.ts";

export class CudaEmitter extends CEmitter {
  readonly numbers: CudaLayout;
  private readonly sites: readonly (Site & { readonly at: Expr })[];
  /** Texts of elements that are not in memory: those of vectors, and the product that an epilogue finishes. */
  private readonly held = new Map<number, string>();
  private guards = 0;
  /** Where an axis is open, its coordinate. */
  private readonly open = new Map<number, string>();

  constructor(kernel: Kernel, layout: CudaLayout, operands: readonly Operand[], sites: readonly (Site & { readonly at: Expr })[]) {
    super(kernel, layout, operands, -1);
    this.numbers = layout;
    this.sites = sites;
    this.lateCheck = (operand, at, name) => this.guard(operand, at, name);
  }

  /** Runs `body` with axes open at the coordinates that these variables hold. */
  at(axes: readonly number[], variable: (axis: number) => string, body: () => void): void {
    const [axis, ...rest] = axes;
    if (axis === undefined) {
      body();
      return;
    }
    this.movePointers(axis, variable(axis));
    this.open.set(axis, variable(axis));
    this.opened(axis, variable(axis), () => this.at(rest, variable, body));
    this.open.delete(axis);
  }

  /** Within `body` an element of these operands has this text. */
  holding(texts: ReadonlyMap<number, string>, body: () => void): void {
    for (const [k, text] of texts) this.held.set(k, text);
    body();
    for (const k of texts.keys()) this.held.delete(k);
  }

  /** Opens an axis without moving pointers: what moves along it is held. */
  lane(axis: number, coordinate: string, body: () => void): void {
    this.open.set(axis, coordinate);
    this.opened(axis, coordinate, body);
    this.open.delete(axis);
  }

  /** The current pointer of an operand. */
  pointer(operand: number): string {
    return this.pointers[operand] as string;
  }

  /** Coordinates of a linear number over `axes`, the last of them the fastest. Declares i<axis> for each. */
  coordinates(linear: string, axes: readonly number[], from = "r"): void {
    const { numbers } = this;
    let rest = linear;
    for (const [i, axis] of [...axes.entries()].reverse()) {
      if (i === 0) {
        this.line(`const ${numbers.index} i${axis} = ${rest};`);
        return;
      }
      const next = `${from}${axis}`;
      this.line(`const ${numbers.index} ${next} = ${numbers.quotient(rest, axis)};`);
      this.line(`const ${numbers.index} i${axis} = ${rest} - ${next} * ${numbers.count(axis)};`);
      rest = next;
    }
  }

  override element(operand: number, at?: string): string {
    const held = this.held.get(operand);
    if (held !== undefined) return held;
    if (at === undefined) return `${this.pointers[operand]}[0]`;
    const place = `${this.pointers[operand]}[(${this.numbers.index})${at} * s${this.numbers.indexStride(operand)}]`;
    return operand < this.kernel.operands.length
      ? `(g${this.guards} ? ${place} : (${C_TYPE[(this.operands[operand] as Operand).dtype]})0)`
      : place;
  }

  /** The name of the flag that the last check set. */
  get lastGuard(): string {
    return `g${this.guards}`;
  }

  private guard(operand: number, at: Expr, name: string): string {
    const number = this.sites.findIndex((s) => s.operand === operand && s.at === at);
    const site = this.sites[number] as Site;
    let position = "0";
    for (let axis = 0; axis < site.level; axis++) {
      const coordinate = this.open.get(axis) ?? "0";
      position = axis === 0 ? `(tg_wide)${coordinate}` : `(${position}) * ${this.numbers.extent(axis)} + ${coordinate}`;
    }
    this.guards++;
    const cell = `a.p[${this.numbers.place("cell")}]`;
    return (
      `const bool g${this.guards} = (tg_wide)${name} >= 0 && (tg_wide)${name} < (tg_wide)${this.numbers.indexExtent(operand)}; ` +
      `if (!g${this.guards}) tg_report(${cell}, ${this.numbers.number("owner")}, ${number}, ${name}, ${position});`
    );
  }
}
