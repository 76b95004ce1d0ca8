/**
 * What every C kernel has: its pointers and numbers as local constants, the check of indices before anything is stored, nests of
 * loops with what can be computed early computed early, and stores. What the loops do is said by those that extend this.
 */
import type { Kernel, Operand, Output } from "../kernel/kernel.ts";
import { levelsOf } from "../kernel/level.ts";
import type { Expr } from "../kernel/scalar-expr.ts";
import { CEmitter } from "./c-emitter.ts";
import { entriesText } from "./c-entries.ts";
import { foldOf } from "./c-fold.ts";
import { Layout } from "./c-layout.ts";
import { C_TYPE } from "./c-scalar.ts";
import { checksLate, everyExpression, isJoinable, type Schedule } from "./c-schedule.ts";
import { keepLastStage } from "./keep-stage.ts";
import { allOperands, type Site } from "./wasm-layout.ts";

export interface RenderedC {
  /** Definitions; include "kernel.h" before them. */
  readonly source: string;
  /** Where indices are checked. */
  readonly sites: readonly Site[];
  readonly layout: Layout;
}

/** An output with its number among the operands. */
export type Stored = Output & { readonly number: number };

export abstract class Program {
  protected readonly kernel: Kernel;
  /** The output in which the last fold also stores its elements, see `keepLastStage`. */
  protected readonly kept: Stored | undefined;
  protected readonly name: string;
  protected readonly outer: number;
  protected readonly schedule: Schedule;
  protected readonly layout: Layout;
  protected readonly operands: readonly Operand[];
  protected readonly outputs: readonly Stored[];
  protected readonly sites: (Site & { readonly at: Expr })[] = [];
  protected readonly isLate: boolean;
  protected readonly isJoinable: boolean;
  /** True where lanes are rows of their own. */
  protected readonly strips: boolean;
  protected em: CEmitter;

  constructor(given: Kernel, schedule: Schedule, name: string) {
    const { kernel, kept } = keepLastStage(given);
    this.kernel = kernel;
    this.name = name;
    this.schedule = schedule;
    this.outer = kernel.rank - kernel.reduced;
    this.layout = new Layout(kernel);
    this.operands = allOperands(kernel);
    this.outputs = kernel.outputs.map((o, i) => ({ ...o, number: kernel.operands.length + i }));
    this.kept = kept === undefined ? undefined : this.outputs[kept];
    this.isLate = checksLate(given);
    this.isJoinable = isJoinable(given);
    this.strips = kernel.reduced > 0 && schedule.lanes < this.outer;
    this.findSites();
    this.em = this.emitter();
  }

  /** The loops of the box function. */
  protected abstract body(): void;

  protected reduction(stage: number) {
    return this.kernel.reductions[stage] as Kernel["reductions"][number];
  }

  protected emitter(): CEmitter {
    return new CEmitter(this.kernel, this.layout, this.operands, this.schedule.lanes);
  }

  protected findSites(): void {
    const ordered = everyExpression(this.kernel);
    const levels = levelsOf(this.kernel, ordered);
    const add = (operand: number, at: Expr) => this.sites.push({ operand, level: levels.get(at) as number, at });
    for (const e of ordered) if (e.kind === "load" && e.at !== undefined && !this.hasSite(e.operand, e.at)) add(e.operand, e.at);
    for (const o of this.outputs) if (o.storeAt !== undefined) add(o.number, o.storeAt);
  }

  protected hasSite(operand: number, at: Expr): boolean {
    return this.sites.some((s) => s.operand === operand && s.at === at);
  }

  render(): RenderedC {
    const hasCheck = this.sites.length > 0 && !this.isLate;
    const parts = [this.checkFunction(), this.boxFunction(), entriesText(this.name, this.kernel, this.isJoinable, hasCheck)];
    return { source: parts.join("\n"), sites: this.sites.map(({ operand, level }) => ({ operand, level })), layout: this.layout };
  }

  /** Pointers, extents, strides and bounds as local constants. */
  protected locals(): void {
    const { em, kernel, layout } = this;
    em.line("const int64_t *const n = g->n;");
    for (const [k, o] of this.operands.entries()) {
      const position = k < kernel.operands.length ? k + kernel.outputs.length : k - kernel.operands.length;
      em.line(`${C_TYPE[o.dtype]} *const p${k} = (${C_TYPE[o.dtype]} *)g->p[${position}];`);
      for (const [axis, access] of o.access.entries())
        if (access === "strided") em.line(`const int64_t s${layout.stride(k, axis)} = n[${layout.stride(k, axis)}];`);
      if (o.indirect)
        em.line(`const int64_t s${layout.indexStride(k)} = n[${layout.indexStride(k)}], x${k} = n[${layout.indexExtent(k)}];`);
    }
  }

  protected isOutOfRange(site: Site, at: string): string {
    return `(uint64_t)(int64_t)${at} >= (uint64_t)x${site.operand}`;
  }

  protected report(site: Site & { readonly at: Expr }, at: string, isOpen: (axis: number) => boolean): string {
    const position = Array.from({ length: site.level }, (_, a) => (isOpen(a) ? this.em.coordinateOf(a) : "0"));
    const array = position.length === 0 ? "0" : `(const int64_t[]){${position.join(", ")}}`;
    return `tg_report(n, ${this.sites.indexOf(site)}, ${at}, ${site.level}, ${array});`;
  }

  /** All indices of the launch, first by a vector loop that only finds out whether one is wrong. */
  protected checkFunction(): string {
    if (this.sites.length === 0 || this.isLate) return "";
    this.em = this.emitter();
    const { em } = this;
    em.block(`static int ${this.name}_check(const tg_launch *g)`, () => {
      this.locals();
      for (const site of this.sites) {
        const mask = em.needsOf(site.at).axes;
        const axes = Array.from({ length: this.kernel.rank }, (_, a) => a).filter((a) => (mask & (1 << a)) !== 0);
        const nest = (at: number, body: () => void, pragma?: string) => {
          em.hoist([site.at]);
          const axis = axes[at];
          if (axis === undefined) {
            body();
            return;
          }
          if (pragma !== undefined && at === axes.length - 1) em.line(pragma);
          em.loop(axis, "0", `n[${this.layout.extent(axis)}]`, () => nest(at + 1, body, pragma));
        };
        em.block("", () => {
          em.line("int bad = 0;");
          const flag = () => em.line(`bad |= ${this.isOutOfRange(site, em.name(site.at))};`);
          nest(0, flag, "#pragma omp simd reduction(|:bad)");
          em.block("if (bad)", () => {
            nest(0, () =>
              em.block(`if (${this.isOutOfRange(site, em.name(site.at))})`, () =>
                em.line(
                  this.report(site, em.name(site.at), (a) => axes.includes(a)),
                  "return 0;",
                ),
              ),
            );
          });
        });
      }
      em.line("return 1;");
    });
    return em.text();
  }

  protected boxFunction(): string {
    this.em = this.emitter();
    const { em } = this;
    if (this.isLate) {
      em.lateCheck = (operand, at, name) => {
        const site = this.sites.find((s) => s.operand === operand && s.at === at) as Site & { at: Expr };
        return `if (${this.isOutOfRange(site, name)}) { ${this.report(site, name, () => true)} return; }`;
      };
    }
    if (this.isJoinable) {
      const { type } = foldOf(this.reduction(0));
      em.line(`typedef struct { ${type} value; int32_t position; } ${this.name}_state;`);
    }
    em.block(`static void ${this.name}_box(const tg_launch *g, const int64_t *box, int mode, int64_t chunk)`, () => {
      em.line("(void)mode, (void)chunk, (void)box;");
      this.locals();
      for (let a = 0; a < this.kernel.rank; a++) em.line(`const int64_t b${a} = box[${2 * a}], e${a} = box[${2 * a + 1}];`);
      if (this.isJoinable) {
        em.line(
          `${this.name}_state *state = (${this.name}_state *)g->state;`,
          `const int64_t points = n[TG_POINTS];`,
          "int64_t point = 0;",
        );
      }
      this.body();
    });
    return em.text();
  }

  /** Loops over `axes` from the outermost, then the body; what can be computed early is, at each depth. */
  protected nest(axes: readonly number[], roots: readonly Expr[], body: () => void): void {
    this.em.hoist(roots);
    const [axis, ...rest] = axes;
    if (axis === undefined) body();
    else this.em.loop(axis, `b${axis}`, `e${axis}`, () => this.nest(rest, roots, body));
  }

  /** The lanes' loop with everything of `roots` computed in it. */
  protected along(from: string, to: string, roots: readonly Expr[], body: () => void, reduction?: string): void {
    const pragma = this.areRoundsIndependent(roots) ? (reduction ?? "") : undefined;
    this.em.lanesLoop(
      from,
      to,
      pragma,
      () => {
        this.em.hoist(roots);
        body();
      },
      this.strips ? "c" : undefined,
    );
  }

  /** Whether the rounds of a lanes' loop may run as vectors. */
  protected areRoundsIndependent(roots: readonly Expr[]): boolean {
    const { lanes } = this.schedule;
    if (this.isLate) return false;
    const bit = 1 << lanes;
    return this.outputs.every((o) => {
      if (!roots.includes(o.result)) return true;
      if (o.indirect) return o.access[lanes] !== "fixed" && (this.em.needsOf(o.storeAt as Expr).axes & bit) === 0;
      return o.access[lanes] !== "fixed";
    });
  }

  /** Stores outputs whose results are computed: all values before any store. */
  protected store(outputs: readonly Stored[]): void {
    const { em } = this;
    for (const o of outputs) {
      if (o.storeAt === undefined) continue;
      const check = em.lateCheck(o.number, o.storeAt, em.name(o.storeAt));
      if (check !== undefined) em.line(check);
    }
    for (const o of outputs) {
      const place = em.element(o.number, o.storeAt && em.name(o.storeAt));
      const value = em.name(o.result);
      if (!o.accumulate) em.line(`${place} = ${value};`);
      else if (o.dtype === "bool") em.line(`${place} |= ${value};`);
      else em.line(o.dtype === "i32" ? `${place} = tg_add_i32(${place}, ${value});` : `${place} += ${value};`);
    }
  }
}
