/**
 * From a kernel to C. A kernel becomes one function over a box of its iteration space, which threads call for their chunks:
 *
 *  - a map is a nest of loops whose innermost runs along the lanes; transposing maps go by tiles;
 *  - a fold along the last axis, and row programs (softmax), loop over rows: every stage is a vector loop along the row;
 *  - a fold whose lanes are an outer axis (sums of columns) takes strips of rows: every lane has accumulators of its own.
 *
 * Indices are checked before anything is stored, by a pass of their own. Numbers are int64 words, see `c-layout.ts`.
 */
import type { Kernel } from "../kernel/kernel.ts";
import { Program, type RenderedC } from "./c-program.ts";
import { RowProgram } from "./c-rows.ts";
import type { Schedule } from "./c-schedule.ts";
import { storeRoots } from "./wasm-layout.ts";

/**
 * A tile of a transposing map. Along the rows a tile takes whole cache lines of what is contiguous there; it takes few lanes, as
 * strides that are powers of two put all their lines into one set of the cache.
 */
const TILE_ROWS = 16;
const TILE_LANES = 8;

/**
 * The C of a kernel. It exports `name(outputs…, operands…, words)`, `name_run(pointers, words)` with the same pointers as an array,
 * and for maps of three axes `name_block(launch, …)`, a `tg_epilogue`.
 */
export function renderC(kernel: Kernel, schedule: Schedule, name: string): RenderedC {
  return new (kernel.reduced > 0 ? RowProgram : MapProgram)(kernel, schedule, name).render();
}

class MapProgram extends Program {
  protected override body(): void {
    const { em, outputs } = this;
    const { lanes, tile } = this.schedule;
    const roots = outputs.flatMap(storeRoots);
    if (lanes < 0) {
      em.hoist(roots);
      this.store(outputs);
      return;
    }
    const axes = Array.from({ length: this.outer }, (_, a) => a).filter((a) => a !== lanes && a !== tile);
    this.nest(axes, roots, () => {
      if (tile < 0) return this.along(`b${lanes}`, `e${lanes}`, roots, () => this.store(outputs));
      em.block(`for (int64_t r = b${tile}; r < e${tile}; r += ${TILE_ROWS})`, () => {
        em.line(`const int64_t re = e${tile} - r < ${TILE_ROWS} ? e${tile} : r + ${TILE_ROWS};`);
        em.block(`for (int64_t c = b${lanes}; c < e${lanes}; c += ${TILE_LANES})`, () => {
          em.line(`const int64_t ce = e${lanes} - c < ${TILE_LANES} ? e${lanes} : c + ${TILE_LANES};`);
          em.loop(tile, "r", "re", () => {
            em.hoist(roots);
            this.along("c", "ce", roots, () => this.store(outputs));
          });
        });
      });
    });
  }
}
