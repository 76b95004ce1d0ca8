/**
 * Folds, scans and row programs in C: for every outer point, or strip of them, the stages one after the other, then what is stored.
 * Where lanes are rows of their own, every accumulator is an array over the strip.
 */
import { isHeavy } from "../kernel/heavy.ts";
import type { Output } from "../kernel/kernel.ts";
import { type Expr, postorder } from "../kernel/scalar-expr.ts";
import { BLOCK } from "./c-emitter.ts";
import { foldOf, type Guard, guardOf, isSumOfFloats, joined, wins } from "./c-fold.ts";
import { Program, type Stored } from "./c-program.ts";
import { isStoredByFold } from "./keep-stage.ts";
import { storeRoots } from "./wasm-layout.ts";

/** Lanes of a strip of rows: accumulators of a strip stay in the first-level cache. */
const STRIP = 256;

export class RowProgram extends Program {
  /** Folds and row programs: for every outer point (or strip of them) the stages, then what is stored. */
  protected override body(): void {
    const { em } = this;
    const { lanes } = this.schedule;
    const roots = [...this.kernel.reductions.map((r) => r.of), ...this.outputs.flatMap(storeRoots)];
    const axes = Array.from({ length: this.outer }, (_, a) => a).filter((a) => !this.strips || a !== lanes);
    this.nest(axes, roots, () => {
      if (!this.strips) return this.stages("");
      em.block(`for (int64_t c = b${lanes}; c < e${lanes}; c += ${STRIP})`, () => {
        em.line(`const int64_t w = e${lanes} - c < ${STRIP} ? e${lanes} - c : ${STRIP};`);
        em.movePointers(lanes, "c");
        this.stages("[j]");
      });
    });
  }

  private of(each: Output["each"]): Stored[] {
    return this.outputs.filter((o) => o.each === each);
  }

  /** `lane` is the subscript of an accumulator: none, or the lane of a strip. */
  private stages(lane: string): void {
    const { em, isJoinable } = this;
    em.reducedText = (stage) => {
      const fold = foldOf(this.reduction(stage));
      return fold.seeksPosition ? `m${stage}${lane} == INT32_MAX ? 0 : m${stage}${lane}` : fold.result(`a${stage}${lane}`);
    };
    for (const group of this.stageGroups()) {
      for (const stage of group) this.declare(stage, lane);
      const fold = () => (group.length === 1 ? this.fold(group[0] as number, lane) : this.foldTogether(group, lane));
      if (!isJoinable) fold();
      else {
        em.block("if (mode != TG_JOIN)", fold);
        em.block("else", () => this.join(lane));
      }
      em.stages = (group.at(-1) as number) + 1;
    }
    const finish = () => {
      const elements = this.of("element").filter((o) => !isStoredByFold(o, o.number));
      const rows = this.of("row");
      if (elements.length > 0) this.inner(elements.flatMap(storeRoots), () => this.store(elements));
      if (rows.length > 0) this.eachRow(rows.flatMap(storeRoots), () => this.store(rows));
    };
    if (isJoinable) {
      em.block("if (mode == TG_PART)", () => this.eachRow([], () => this.keepPart(lane)));
      em.block("else", finish);
      em.line(lane === "" ? "point++;" : "point += w;");
    } else finish();
    em.stages = 0;
  }

  /** Runs of stages that do not need each other's results and fold only: each run is one pass over the row. */
  private stageGroups(): number[][] {
    const groups: number[][] = [];
    const last = this.kernel.reductions.length - 1;
    const isPlain = (stage: number) =>
      !foldOf(this.reduction(stage)).seeksPosition &&
      !this.isWorthBlocks(stage) &&
      this.of("prefix").length === 0 &&
      !(this.kept !== undefined && stage === last);
    for (const stage of this.kernel.reductions.keys()) {
      const group = groups.at(-1);
      const joins =
        group?.every(isPlain) &&
        isPlain(stage) &&
        !postorder([this.reduction(stage).of]).some((e) => e.kind === "reduced" && group.includes(e.stage));
      if (joins) group?.push(stage);
      else groups.push([stage]);
    }
    return groups;
  }

  private declare(stage: number, lane: string): void {
    const { em } = this;
    const fold = foldOf(this.reduction(stage));
    if (lane === "") {
      em.line(`${fold.type} a${stage} = ${fold.identity};`);
      if (fold.seeksPosition) em.line(`int32_t m${stage} = INT32_MAX;`);
      return;
    }
    em.line(`${fold.type} a${stage}[${STRIP}];`);
    em.line(`for (int64_t j = 0; j < w; j++) a${stage}[j] = ${fold.identity};`);
    if (!fold.seeksPosition) return;
    em.line(`int32_t m${stage}[${STRIP}];`, `for (int64_t j = 0; j < w; j++) m${stage}[j] = INT32_MAX;`);
  }

  /** A nest over the reduced axes, and in strips the lanes. */
  private inner(roots: readonly Expr[], body: () => void, reduction?: string): void {
    const { lanes } = this.schedule;
    const reducedAxes = Array.from({ length: this.kernel.reduced }, (_, r) => this.outer + r).filter((a) => a !== lanes);
    this.em.block("", () =>
      this.nest(reducedAxes, roots, () => {
        if (this.strips) this.along("0", "w", roots, body);
        else this.along(`b${lanes}`, `e${lanes}`, roots, body, reduction);
      }),
    );
  }

  /** Once per row: for each lane of a strip. */
  private eachRow(roots: readonly Expr[], body: () => void): void {
    this.em.block("", () => {
      if (this.strips) this.along("0", "w", roots, body);
      else {
        this.em.hoist(roots);
        body();
      }
    });
  }

  private fold(stage: number, lane: string): void {
    const { em } = this;
    const r = this.reduction(stage);
    const fold = foldOf(r);
    const [a, m] = [`a${stage}${lane}`, `m${stage}${lane}`];
    const term = () => em.line(`const ${fold.type} k = ${fold.term(em.name(r.of))};`);
    const kept = stage === this.kernel.reductions.length - 1 ? this.kept : undefined;
    const keep = () => {
      if (kept !== undefined) em.line(`${em.element(kept.number)} = ${em.name(r.of)};`);
    };
    const prefix = this.of("prefix");
    if (prefix.length > 0) {
      this.scan(stage, a, term, prefix);
      return;
    }
    if (fold.seeksPosition && lane !== "") {
      this.inner([r.of], () => {
        keep();
        term();
        em.line(`const int take = m${stage}[j] == INT32_MAX || ${wins(fold, a, "k")};`);
        em.line(`${a} = take ? k : ${a};`, `${m} = take ? (int32_t)(${this.position()}) : ${m};`);
      });
      return;
    }
    if (lane === "" && this.isWorthBlocks(stage)) {
      this.foldBlocks(stage, kept);
      return;
    }
    if (isSumOfFloats(r)) {
      this.sumFours([stage], lane, keep);
      return;
    }
    const guard = lane === "" ? guardOf(r) : undefined;
    if (guard) {
      this.foldGuarded(stage, guard, keep);
      return;
    }
    const step = () => {
      keep();
      term();
      em.line(`${a} = ${joined(fold, a, "k")};`);
    };
    this.inner([r.of], step, `reduction(${fold.joins}:${a})`);
    if (!fold.seeksPosition) return;
    const seek = () => {
      term();
      em.line(`const int32_t q = k == ${a} ? (int32_t)(${this.position()}) : INT32_MAX;`, `${m} = q < ${m} ? q : ${m};`);
    };
    this.inner([r.of], seek, `reduction(min:${m})`);
  }

  /** Sums of what takes long to compute. */
  private isWorthBlocks(stage: number): boolean {
    const { of, op } = this.reduction(stage);
    return op === "sum" && of.dtype === "f32" && postorder([of]).some(isHeavy) && this.areRoundsIndependent([of]);
  }

  /**
   * A sum by blocks that stay in the first-level cache: first the elements, then their sum. The conversion to float64 and a long
   * computation hinder each other in one loop.
   */
  private foldBlocks(stage: number, kept: Stored | undefined): void {
    const { em } = this;
    const { lanes } = this.schedule;
    const r = this.reduction(stage);
    const element = (at: string) => (kept !== undefined ? em.elementAt(kept.number, at) : `kept[${at} - c]`);
    const axes = Array.from({ length: this.kernel.reduced }, (_, i) => this.outer + i).filter((axis) => axis !== lanes);
    const a = `a${stage}`;
    const compute = (from: string, to: string) =>
      em.lanesLoop(from, to, "", () => {
        em.hoist([r.of]);
        em.line(`${element(`i${lanes}`)} = ${em.name(r.of)};`);
      });
    const add = (text: string) => em.line(`${a} = ${a} + (double)${text};`);
    em.block("", () => {
      if (kept === undefined) em.line(`tg_f32 kept[${BLOCK}];`);
      this.nest(axes, [r.of], () => {
        em.blocksLoop(`b${lanes}`, `e${lanes}`, () => {
          compute("c", "c + 4 * quarter");
          em.line(`#pragma omp simd reduction(+:${a})`);
          em.block("for (int64_t h = c; h < c + quarter; h++)", () =>
            add(ofFour([0, 1, 2, 3].map((i) => element(`(h + ${i} * quarter)`)))),
          );
        });
        em.rest(`e${lanes}`, () => {
          compute("c", `e${lanes}`);
          em.lanesLoop("c", `e${lanes}`, `reduction(+:${a})`, () => add(element(`i${lanes}`)));
        });
      });
    });
  }

  /**
   * Sums of f32 in one pass, four terms at a time: those of the quarters of a block of a row, or in strips those of four rows. Each
   * four is added in f32 and then to the accumulator, so that conversions, and in strips passes over the accumulators, are a fourth.
   */
  private sumFours(stages: readonly number[], lane: string, keep: () => void): void {
    const { em } = this;
    const { lanes } = this.schedule;
    const roots = stages.map((stage) => this.reduction(stage).of);
    const FOUR = [0, 1, 2, 3];
    const term = (stage: number, i: number) => `f${stage}_${i}`;
    const addTo = (stage: number, text: string) => em.line(`a${stage}${lane} = a${stage}${lane} + (double)${text};`);
    const single = () => {
      em.hoist(roots);
      keep();
      for (const stage of stages) addTo(stage, em.name(this.reduction(stage).of));
    };
    const four = (each: (i: number, body: () => void) => void) => {
      em.line(`tg_f32 ${stages.flatMap((stage) => FOUR.map((i) => term(stage, i))).join(", ")};`);
      for (const i of FOUR)
        each(i, () => {
          em.hoist(roots);
          keep();
          for (const stage of stages) em.line(`${term(stage, i)} = ${em.name(this.reduction(stage).of)};`);
        });
      for (const stage of stages) addTo(stage, ofFour(FOUR.map((i) => term(stage, i))));
    };
    const simd = (clauses: string) => (this.areRoundsIndependent(roots) ? clauses : undefined);
    const reducedAxes = Array.from({ length: this.kernel.reduced }, (_, r) => this.outer + r).filter((a) => a !== lanes);
    if (!this.strips) {
      const clauses = simd(stages.map((stage) => `reduction(+:a${stage})`).join(" "));
      em.block("", () => this.nest(reducedAxes, roots, () => em.quartersLoop(`b${lanes}`, `e${lanes}`, clauses, four, single)));
      return;
    }
    const rows = reducedAxes.pop() as number;
    em.block("", () =>
      this.nest(reducedAxes, roots, () => {
        em.line(`int64_t r = b${rows};`);
        em.block(`for (; r + 4 <= e${rows}; r += 4)`, () =>
          em.lanesLoop("0", "w", simd(""), () => four((i, body) => em.atStep(rows, `(r + ${i})`, body)), "c"),
        );
        em.loop(rows, "r", `e${rows}`, () => {
          em.hoist(roots);
          em.lanesLoop("0", "w", simd(""), single, "c");
        });
      }),
    );
  }

  private foldGuarded(stage: number, guard: Guard, keep: () => void): void {
    const { em } = this;
    const r = this.reduction(stage);
    const a = `a${stage}`;
    em.block("", () => {
      em.line(`int32_t g = ${guard.identity};`);
      const step = () => {
        keep();
        em.line(`const int32_t k = ${guard.term(em.name(r.of))};`);
        em.line(`${a} = ${joined(foldOf(r), a, "k")};`, `g = k ${guard.joins === "max" ? ">" : "<"} g ? k : g;`);
      };
      this.inner([r.of], step, `reduction(${foldOf(r).joins}:${a}) reduction(${guard.joins}:g)`);
      em.line(guard.settle(a));
    });
  }

  /** Several folds in one pass. */
  private foldTogether(stages: readonly number[], lane: string): void {
    const { em } = this;
    if (stages.every((stage) => isSumOfFloats(this.reduction(stage)))) {
      this.sumFours(stages, lane, () => {});
      return;
    }
    const folds = stages.map((stage) => ({ stage, of: this.reduction(stage).of, fold: foldOf(this.reduction(stage)) }));
    const step = () => {
      for (const { stage, of, fold } of folds) {
        em.line(`const ${fold.type} k${stage} = ${fold.term(em.name(of))};`);
        em.line(`a${stage}${lane} = ${joined(fold, `a${stage}${lane}`, `k${stage}`)};`);
      }
    };
    const clauses = folds.map(({ stage, fold }) => `reduction(${fold.joins}:a${stage}${lane})`).join(" ");
    this.inner(
      folds.map(({ of }) => of),
      step,
      clauses,
    );
  }

  /** A running fold, stored as it goes; in order, so along the lanes only where these are rows of their own. */
  private scan(stage: number, a: string, term: () => void, outputs: readonly Stored[]): void {
    const { em } = this;
    const { lanes } = this.schedule;
    const r = this.reduction(stage);
    const roots = outputs.flatMap(storeRoots);
    const body = () => {
      em.hoist([r.of]);
      term();
      em.line(`${a} = ${joined(foldOf(r), a, "k")};`);
      em.stages = stage + 1;
      em.hoist(roots);
      this.store(outputs);
      em.stages = stage;
    };
    const reducedAxes = Array.from({ length: this.kernel.reduced }, (_, i) => this.outer + i).filter((axis) => axis !== lanes);
    em.block("", () =>
      this.nest(reducedAxes, [r.of, ...roots], () => {
        if (this.strips) em.lanesLoop("0", "w", this.areRoundsIndependent(roots) ? "" : undefined, body, "c");
        else em.lanesLoop(`b${lanes}`, `e${lanes}`, undefined, body);
      }),
    );
  }

  /** Row-major position among the reduced axes. */
  private position(): string {
    let text = this.em.coordinateOf(this.outer);
    for (let axis = this.outer + 1; axis < this.kernel.rank; axis++)
      text = `(${text}) * n[${this.layout.extent(axis)}] + ${this.em.coordinateOf(axis)}`;
    return text;
  }

  /** Puts the accumulators of a chunk where they wait for the others. */
  private keepPart(lane: string): void {
    const at = lane === "" ? "point" : "point + j";
    this.em.line(`state[chunk * points + ${at}].value = a0${lane};`);
    if (foldOf(this.reduction(0)).seeksPosition) this.em.line(`state[chunk * points + ${at}].position = m0${lane};`);
  }

  /** Joins the accumulators of all chunks, in their order. */
  private join(lane: string): void {
    const { em } = this;
    const fold = foldOf(this.reduction(0));
    const at = lane === "" ? "point" : "point + j";
    em.block("for (int64_t part = 0; part < n[TG_CHUNKS]; part++)", () => {
      this.eachRow([], () => {
        em.line(`const ${fold.type} k = state[part * points + ${at}].value;`);
        if (!fold.seeksPosition) return em.line(`a0${lane} = ${joined(fold, `a0${lane}`, "k")};`);
        em.line(`const int take = m0${lane} == INT32_MAX || ${wins(fold, `a0${lane}`, "k")};`);
        em.line(`a0${lane} = take ? k : a0${lane};`, `m0${lane} = take ? state[part * points + ${at}].position : m0${lane};`);
      });
    });
  }
}

/** The sum of four terms in f32. */
function ofFour([a, b, c, d]: readonly string[]): string {
  return `((${a} + ${b}) + (${c} + ${d}))`;
}
