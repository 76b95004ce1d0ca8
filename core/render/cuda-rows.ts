/**
 * Folds, scans and row programs in CUDA: a team of threads takes a row, stage after stage, and then stores what is made of it. Every
 * member folds its share in order, and shares are joined in an order that is fixed by the team's size: by shuffles within a warp,
 * through shared memory beyond one. Parts of long rows are left in memory and joined by a kernel of their own.
 */
import type { Kernel, Output } from "../kernel/kernel.ts";
import { type Expr, postorder } from "../kernel/scalar-expr.ts";
import { type Fold, foldOf, joined, wins } from "./c-fold.ts";
import { C_TYPE } from "./c-scalar.ts";
import { CudaProgram, type RenderedCuda, type Stored } from "./cuda-program.ts";
import type { CudaSchedule } from "./cuda-schedule.ts";
import { THREADS, TILE } from "./cuda-schedule.ts";
import { storeRoots } from "./wasm-layout.ts";

/** Bytes of a part's result in memory. */
export const PART_BYTES = 16;

export class CudaRows extends CudaProgram {
  private readonly folds: readonly Fold[];

  constructor(kernel: Kernel, schedule: CudaSchedule, name: string) {
    super(kernel, schedule, name, schedule.split ? ["parts"] : []);
    this.folds = this.kernel.reductions.map(foldOf);
  }

  render(): RenderedCuda {
    const { split } = this.schedule;
    const texts = split ? [this.partTypes()] : [];
    texts.push(this.function(this.name, () => this.rows(this.schedule.team, this.schedule.across, () => this.stages())));
    if (split) texts.push(this.function(`${this.name}_join`, () => this.rows(32, false, () => this.join())));
    return this.rendered(texts, split);
  }

  private partTypes(): string {
    return this.folds.map((f, s) => `struct alignas(16) ${this.name}_part${s} { ${f.type} value; int position; };`).join("\n");
  }

  /** The part of stage `s` that chunk `chunk` of this row left. */
  private part(s: number, chunk: string): string {
    const { layout } = this;
    const at = `(tg_wide)(${s} * ${layout.number("chunks")} + ${chunk}) * ${layout.number("total")} + row`;
    return `((${this.name}_part${s} *)a.p[${layout.place("parts")}])[${at}]`;
  }

  private team = 1;
  private across = false;

  /** Every row once, each by `team` threads. */
  private rows(team: number, across: boolean, body: () => void): void {
    const { em, layout, index } = this;
    const { lanes, serial } = this.schedule;
    this.team = team;
    this.across = across;
    em.reducedText = (s) => {
      const fold = this.folds[s] as Fold;
      return fold.seeksPosition ? `m${s} == INT32_MAX ? 0 : m${s}` : fold.result(`a${s}`);
    };
    const total = layout.number("total");
    const parallel = Array.from({ length: this.outer }, (_, axis) => axis).filter((axis) => !serial.includes(axis) && axis !== lanes);
    if (lanes >= 0 && lanes < this.outer) parallel.push(lanes);
    if (team > 1) em.line(`const int member = threadIdx.${across ? "y" : "x"};`);
    if (team > 32 || across) for (const [s, f] of this.folds.entries()) this.sharedMemory(s, f);
    // Lanes beyond the last row fold it again and store nothing, for all of a block meet at barriers.
    const first = across ? `(${index})${this.block} * ${TILE}` : `(${index})${this.block} * blockDim.y + threadIdx.y`;
    const step = across ? `(${index})${this.blocks} * ${TILE}` : `(${index})${this.blocks} * blockDim.y`;
    const variable = across ? "strip" : "row";
    em.block(`for (${index} ${variable} = ${first}; ${variable} < ${total}; ${variable} += ${step})`, () => {
      if (across) {
        em.line(`const bool valid = strip + (${index})threadIdx.x < ${total};`);
        em.line(`const ${index} row = valid ? strip + (${index})threadIdx.x : ${total} - 1;`);
      }
      em.coordinates("row", parallel);
      em.at(
        parallel,
        (axis) => `i${axis}`,
        () => this.inOrder([...serial], body),
      );
    });
  }

  /** Loops of one thread over outer axes whose points store to the same elements. */
  private inOrder(axes: readonly number[], body: () => void): void {
    const [axis, ...rest] = axes;
    this.em.hoist(this.roots());
    if (axis === undefined) {
      body();
      return;
    }
    this.em.block(`for (${this.index} i${axis} = 0; i${axis} < ${this.layout.extent(axis)}; i${axis}++)`, () =>
      this.em.at(
        [axis],
        (a) => `i${a}`,
        () => this.inOrder(rest, body),
      ),
    );
  }

  private roots(): Expr[] {
    return [...this.kernel.reductions.map((r) => r.of), ...this.outputs.flatMap(storeRoots)];
  }

  private sharedMemory(s: number, fold: Fold): void {
    const size = this.across ? `[${this.team}][${TILE}]` : `[${THREADS / 32}]`;
    this.em.line(`__shared__ ${fold.type} shared${s}${size};`);
    if (fold.seeksPosition) this.em.line(`__shared__ int place${s}${size};`);
  }

  private of(each: Output["each"]): Stored[] {
    return this.outputs.filter((o) => o.each === each);
  }

  private stages(): void {
    const { em } = this;
    const { split } = this.schedule;
    if (split) {
      em.line(`const ${this.index} from = (${this.index})blockIdx.y * ${this.layout.number("grain")};`);
      em.line(`const ${this.index} end = from + ${this.layout.number("grain")};`);
      em.line(`const ${this.index} to = end < ${this.layout.number("columns")} ? end : ${this.layout.number("columns")};`);
    }
    for (const s of this.folds.keys()) {
      this.declare(s);
      if (this.of("prefix").length > 0) this.scan(s);
      else {
        this.foldRow(s);
        this.combine(s);
      }
      if (!split) {
        em.stages = s + 1;
        em.hoist(this.roots());
      }
    }
    if (split) {
      for (const [s, fold] of this.folds.entries()) {
        const part = this.part(s, "(tg_wide)blockIdx.y");
        const stored = [`${part}.value = a${s};`, ...(fold.seeksPosition ? [`${part}.position = m${s};`] : [])].join(" ");
        em.line(`if (${this.isStoring() ?? "true"}) { ${stored} }`);
      }
      return;
    }
    const elements = this.of("element");
    if (elements.length > 0) {
      const roots = elements.flatMap(storeRoots);
      this.eachColumn(roots, elements, () => {
        em.hoist(roots);
        this.store(elements, this.across ? "valid" : undefined);
      });
    }
    this.storeRows();
    em.stages = 0;
  }

  private storeRows(): void {
    const rows = this.of("row");
    if (rows.length === 0) return;
    this.em.hoist(rows.flatMap(storeRoots));
    this.store(rows, this.isStoring());
  }

  /** The condition under which a thread stores what there is once for its row. */
  private isStoring(): string | undefined {
    const conditions = [...(this.team > 1 ? ["member == 0"] : []), ...(this.across ? ["valid"] : [])];
    return conditions.length === 0 ? undefined : conditions.join(" && ");
  }

  private declare(s: number): void {
    const fold = this.folds[s] as Fold;
    this.em.line(`${fold.type} a${s} = ${fold.identity};`);
    if (fold.seeksPosition) this.em.line(`int m${s} = INT32_MAX;`);
  }

  private reducedAxes(): number[] {
    return Array.from({ length: this.kernel.reduced }, (_, i) => this.outer + i);
  }

  /** This member's columns of the row, or of its part; `body` gets the text of the column, reads what is in `roots` and stores `stored`. */
  private eachColumn(roots: readonly Expr[], stored: readonly Stored[], body: (column: string) => void): void {
    const { em, layout, index, team } = this;
    const axes = this.reducedAxes();
    if (axes.length === 0) {
      em.block("", () => body("0"));
      return;
    }
    const [from, to] = this.schedule.split ? ["from", "to"] : ["0", layout.number("columns")];
    em.block("", () => {
      let begin: string = from;
      if (this.schedule.vector > 1) {
        begin = "rest";
        em.line(`const ${index} rest = ${from} + (${to} - ${from}) / 4 * 4;`);
        this.vectors(from, roots, stored, body);
      }
      if (this.schedule.vector === 1) em.line("#pragma unroll 4");
      em.block(`for (${index} r = ${begin}${team > 1 ? " + member" : ""}; r < ${to}; r += ${team})`, () => {
        em.coordinates("r", axes, "q");
        em.at(
          axes,
          (axis) => `i${axis}`,
          () => body("r"),
        );
      });
    });
  }

  /** Columns up to `rest` four at a time: single loads and stores where a pointer of this launch does not fit vectors. */
  private vectors(from: string, roots: readonly Expr[], stored: readonly Stored[], body: (column: string) => void): void {
    const { em, kernel, index } = this;
    const last = kernel.rank - 1;
    const moves = (k: number) => this.operands[k]?.access[last] === "unit";
    const loaded = [...new Set(postorder(roots).flatMap((e) => (e.kind === "load" && moves(e.operand) ? [e.operand] : [])))];
    const written = stored.map((o) => o.number).filter(moves);
    const type = (k: number) => C_TYPE[(this.operands[k] as (typeof this.operands)[number]).dtype];
    if (loaded.length + written.length > 0)
      em.line(`const bool aligned = ((${[...loaded, ...written].map((k) => `(tg_address)${em.pointer(k)}`).join(" | ")}) & 15) == 0;`);
    em.line("#pragma unroll 2");
    em.block(`for (${index} c = ${from} + member * 4; c < rest; c += ${4 * this.team})`, () => {
      for (const k of loaded) em.line(`const tg_four<${type(k)}> v${k} = tg_load_four(${em.pointer(k)} + c, aligned);`);
      for (const k of written) em.line(`tg_four<${type(k)}> w${k};`);
      const texts = new Map([...loaded.map((k) => [k, `v${k}.x[e]`] as const), ...written.map((k) => [k, `w${k}.x[e]`] as const)]);
      em.line("#pragma unroll");
      em.block("for (int e = 0; e < 4; e++)", () => em.holding(texts, () => em.lane(last, "(c + e)", () => body("(c + e)"))));
      for (const k of written) em.line(`tg_store_four(${em.pointer(k)} + c, w${k}, aligned);`);
    });
  }

  private foldRow(s: number): void {
    const { em } = this;
    const fold = this.folds[s] as Fold;
    const { of } = this.kernel.reductions[s] as Kernel["reductions"][number];
    this.eachColumn([of], [], (column) => {
      em.hoist([of]);
      em.line(`const ${fold.type} k = ${fold.term(em.name(of))};`);
      if (fold.seeksPosition) this.takePosition(s, "k", `(int)${column}`);
      else em.line(`a${s} = ${joined(fold, `a${s}`, "k")};`);
    });
  }

  /** Takes a term and its position where it wins, or is equal and comes first. */
  private takePosition(s: number, k: string, position: string): void {
    const { em } = this;
    em.line(
      `if (${wins(this.folds[s] as Fold, `a${s}`, k)} || (${k} == a${s} && ${position} < m${s})) { a${s} = ${k}; m${s} = ${position}; }`,
    );
  }

  /** What all members of a team have folded, joined; every member has it then. */
  private combine(s: number): void {
    const { em, team, across } = this;
    const fold = this.folds[s] as Fold;
    if (team === 1) return;
    if (!across) {
      em.block("for (int d = 16; d > 0; d >>= 1)", () => {
        em.line(`const ${fold.type} k = __shfl_xor_sync(0xffffffffu, a${s}, d);`);
        if (fold.seeksPosition) {
          em.line(`const int q = __shfl_xor_sync(0xffffffffu, m${s}, d);`);
          this.takePosition(s, "k", "q");
        } else em.line(`a${s} = ${joined(fold, `a${s}`, "k")};`);
      });
      if (team === 32) return;
    }
    const own = across ? "[member][threadIdx.x]" : "[member >> 5]";
    const when = across ? "" : "if ((member & 31) == 0) ";
    em.line(`${when}{ shared${s}${own} = a${s};${fold.seeksPosition ? ` place${s}${own} = m${s};` : ""} }`, "__syncthreads();");
    const each = across ? "[j][threadIdx.x]" : "[j]";
    em.line(`a${s} = shared${s}${each.replace("j", "0")};`);
    if (fold.seeksPosition) em.line(`m${s} = place${s}${each.replace("j", "0")};`);
    em.block(`for (int j = 1; j < ${across ? team : team / 32}; j++)`, () => {
      em.line(`const ${fold.type} k = shared${s}${each};`);
      if (fold.seeksPosition) {
        em.line(`const int q = place${s}${each};`);
        this.takePosition(s, "k", "q");
      } else em.line(`a${s} = ${joined(fold, `a${s}`, "k")};`);
    });
    em.line("__syncthreads();");
  }

  /** A running fold, stored as it goes: by one thread in order, or by a team that takes as many columns at a time as it has threads. */
  private scan(s: number): void {
    const { em, layout, index } = this;
    const fold = this.folds[s] as Fold;
    const { of } = this.kernel.reductions[s] as Kernel["reductions"][number];
    const outputs = this.of("prefix");
    const finish = () => {
      em.stages = s + 1;
      em.hoist(outputs.flatMap(storeRoots));
      this.store(outputs);
      em.stages = s;
    };
    if (this.team === 1) {
      this.eachColumn([of, ...outputs.flatMap(storeRoots)], [], () => {
        em.hoist([of]);
        em.line(`const ${fold.type} k = ${fold.term(em.name(of))};`, `a${s} = ${joined(fold, `a${s}`, "k")};`);
        finish();
      });
      return;
    }
    const axes = this.reducedAxes();
    const here = (body: () => void) =>
      em.block("if (r < columns)", () => {
        em.coordinates("r", axes, "q");
        em.at(axes, (axis) => `i${axis}`, body);
      });
    em.line(`const ${index} columns = ${layout.number("columns")};`, `${fold.type} carry = ${fold.identity};`);
    em.block(`for (${index} base = 0; base < columns; base += ${this.team})`, () => {
      em.line(`const ${index} r = base + member;`, `${fold.type} k = ${fold.identity};`);
      here(() => {
        em.hoist([of]);
        em.line(`k = ${fold.term(em.name(of))};`);
      });
      em.block("for (int d = 1; d < 32; d <<= 1)", () => {
        em.line(`const ${fold.type} before = __shfl_up_sync(0xffffffffu, k, d);`);
        em.line(`if ((member & 31) >= d) k = ${joined(fold, "before", "k")};`);
      });
      if (this.team > 32) {
        // The warps before this one come first.
        em.line(`if ((member & 31) == 31) shared${s}[member >> 5] = k;`, "__syncthreads();", `${fold.type} earlier = ${fold.identity};`);
        em.line(`for (int j = 0; j < member >> 5; j++) earlier = ${joined(fold, "earlier", `shared${s}[j]`)};`);
        em.line(`k = ${joined(fold, "earlier", "k")};`);
      }
      em.line(`a${s} = ${joined(fold, "carry", "k")};`);
      here(finish);
      if (this.team === 32) em.line(`carry = __shfl_sync(0xffffffffu, a${s}, 31);`);
      else em.line(`for (int j = 0; j < ${this.team / 32}; j++) carry = ${joined(fold, "carry", `shared${s}[j]`)};`, "__syncthreads();");
    });
    em.line(`a${s} = carry;`);
  }

  /** The second kernel of a split fold: a warp joins the parts of a row in their order. */
  private join(): void {
    const { em } = this;
    for (const [s, fold] of this.folds.entries()) {
      this.declare(s);
      em.block(`for (${this.index} chunk = member; chunk < ${this.layout.number("chunks")}; chunk += 32)`, () => {
        em.line(`const ${fold.type} k = ${this.part(s, "chunk")}.value;`);
        if (fold.seeksPosition) {
          em.line(`const int q = ${this.part(s, "chunk")}.position;`);
          this.takePosition(s, "k", "q");
        } else em.line(`a${s} = ${joined(fold, `a${s}`, "k")};`);
      });
      this.combine(s);
      em.stages = s + 1;
    }
    this.storeRows();
    em.stages = 0;
  }
}
