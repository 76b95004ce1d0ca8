/** Maps in CUDA: threads walk the points of a grid, singly, four at a time, or by tiles of two axes. */
import { C_TYPE } from "./c-scalar.ts";
import { CudaProgram, type RenderedCuda } from "./cuda-program.ts";
import { TILE, TILE_ROWS } from "./cuda-schedule.ts";
import { storeRoots } from "./wasm-layout.ts";

export class CudaMap extends CudaProgram {
  private readonly roots = this.outputs.flatMap(storeRoots);

  render(): RenderedCuda {
    const body =
      this.schedule.form === "tiles" ? () => this.tiles() : this.schedule.vector > 1 ? () => this.vectors() : () => this.points();
    return this.rendered([this.function(this.name, body)]);
  }

  /** Strides of a grid whose threads have numbers of their own. */
  private grid(body: () => void): void {
    const total = this.layout.number("total");
    this.em.block(
      `for (${this.index} g = (${this.index})${this.block} * blockDim.x + threadIdx.x; g < ${total}; g += (${this.index})${this.blocks} * blockDim.x)`,
      body,
    );
  }

  private axes(): number[] {
    return Array.from({ length: this.kernel.rank }, (_, axis) => axis);
  }

  private point(): void {
    this.em.hoist(this.roots);
    this.store(this.outputs);
  }

  private points(): void {
    const { em } = this;
    this.grid(() => {
      em.coordinates("g", this.axes());
      em.at(
        this.axes(),
        (axis) => `i${axis}`,
        () => this.point(),
      );
    });
  }

  private tiles(): void {
    const { em, layout } = this;
    const { lanes, tile } = this.schedule;
    const others = this.axes().filter((axis) => axis !== lanes && axis !== tile);
    em.block(`for (${this.index} g = ${this.block}; g < ${layout.number("total")}; g += ${this.blocks})`, () => {
      em.coordinates("g", [...others, tile, lanes]);
      em.at(
        others,
        (axis) => `i${axis}`,
        () => {
          em.hoist(this.roots);
          em.line(`const ${this.index} c${lanes} = i${lanes} * ${TILE} + threadIdx.x;`);
          em.block(`if (c${lanes} < ${layout.extent(lanes)})`, () =>
            em.at(
              [lanes],
              (axis) => `c${axis}`,
              () => {
                em.hoist(this.roots);
                em.line("#pragma unroll");
                em.block(`for (int j = threadIdx.y; j < ${TILE}; j += ${TILE_ROWS})`, () => {
                  em.line(`const ${this.index} c${tile} = i${tile} * ${TILE} + j;`);
                  em.block(`if (c${tile} < ${layout.extent(tile)})`, () =>
                    em.at(
                      [tile],
                      (axis) => `c${axis}`,
                      () => this.point(),
                    ),
                  );
                });
              },
            ),
          );
        },
      );
    });
  }

  /** Four points at a time along the last axis. Where there is no other axis, what is left over is done singly. */
  private vectors(): void {
    const { em, layout, kernel } = this;
    const last = kernel.rank - 1;
    const others = this.axes().slice(0, -1);
    const moving = this.operands.flatMap((o, k) => (o.access[last] === "unit" ? [k] : []));
    const loaded = moving.filter((k) => k < kernel.operands.length);
    em.line(`const bool aligned = ((${moving.map((k) => `(tg_address)p${k}`).join(" | ")}) & 15) == 0;`);
    this.grid(() => {
      em.coordinates("g", this.axes());
      em.at(
        others,
        (axis) => `i${axis}`,
        () => {
          em.hoist(this.roots);
          em.line(`const ${this.index} c = i${last} * 4;`);
          for (const k of loaded) em.line(`const tg_four<${this.type(k)}> v${k} = tg_load_four(${em.pointer(k)} + c, aligned);`);
          for (const { number } of this.outputs) em.line(`tg_four<${this.type(number)}> w${number};`);
          const texts = new Map(loaded.map((k) => [k, `v${k}.x[e]`]));
          for (const { number } of this.outputs) texts.set(number, `w${number}.x[e]`);
          em.line("#pragma unroll");
          em.block("for (int e = 0; e < 4; e++)", () => em.holding(texts, () => em.lane(last, "(c + e)", () => this.point())));
          for (const { number } of this.outputs) em.line(`tg_store_four(${em.pointer(number)} + c, w${number}, aligned);`);
        },
      );
    });
    if (others.length > 0) return;
    em.line(`const ${this.index} left = ${layout.number("total")} * 4 + (${this.index})${this.block} * blockDim.x + threadIdx.x;`);
    em.block(`if (left < ${layout.extent(last)})`, () =>
      em.at(
        [last],
        () => "left",
        () => this.point(),
      ),
    );
  }

  private type(operand: number): string {
    return C_TYPE[this.operands[operand]?.dtype ?? "f32"];
  }
}
