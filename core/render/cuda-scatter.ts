/**
 * Scatter in CUDA, where points that store to one element come in an order: a warp has one place along the indirect axis and reads
 * all indices, 32 at a time; where one is its own, it does that point, each lane some of the elements that lie there. So every element
 * has one lane that adds to it, in row-major order, however the points are spread.
 */
import { CudaProgram, type RenderedCuda } from "./cuda-program.ts";
import { storeRoots } from "./wasm-layout.ts";

export class CudaScatter extends CudaProgram {
  render(): RenderedCuda {
    return this.rendered([this.function(this.name, () => this.places())]);
  }

  private places(): void {
    const { em, layout, index } = this;
    const { serial, groups } = this.schedule;
    const inner = Array.from({ length: this.outer }, (_, axis) => axis).filter((axis) => !serial.includes(axis) && !groups.includes(axis));
    const [output] = this.outputs as [(typeof this.outputs)[number]];
    const at = output.storeAt as NonNullable<typeof output.storeAt>;
    const roots = storeRoots(output);
    const names = (axis: number) => `i${axis}`;
    em.line("const int lane = threadIdx.x;");
    const [first, step] = [`(${index})blockIdx.x * blockDim.y + threadIdx.y`, `(${index})gridDim.x * blockDim.y`];
    em.block(`for (${index} w = ${first}; w < ${layout.number("total")}; w += ${step})`, () => {
      // The place is the slowest, the part of its elements the fastest.
      em.line(`const ${index} others = w / ${layout.number("chunks")}, part = w - others * ${layout.number("chunks")};`);
      const sizes = groups.map((axis) => layout.extent(axis));
      em.line(`const ${index} place = others / (${["1", ...sizes].join(" * ")});`);
      em.line(`const ${index} group = others - place * (${["1", ...sizes].join(" * ")});`);
      em.line(`const ${index} from = part * ${layout.number("grain")}, end = from + ${layout.number("grain")};`);
      em.coordinates("group", groups, "u");
      em.at(groups, names, () => {
        em.hoist(roots);
        em.block(`for (${index} base = 0; base < ${layout.number("columns")}; base += 32)`, () => {
          em.line("bool mine = false;");
          em.block(`if (base + lane < ${layout.number("columns")})`, () => {
            em.line(`const ${index} t = base + lane;`);
            em.coordinates("t", serial, "v");
            em.at(serial, names, () => {
              em.hoist([at]);
              em.line(`mine = (tg_wide)${em.name(at)} == place;`);
              em.block("if (place == 0 && part == 0)", () => em.line(em.lateCheck(output.number, at, em.name(at)) as string));
            });
          });
          em.block("for (unsigned found = __ballot_sync(0xffffffffu, mine); found != 0; found &= found - 1)", () => {
            em.line(`const ${index} t = base + (__ffs(found) - 1);`);
            em.coordinates("t", serial, "v");
            em.at(serial, names, () => {
              em.hoist(roots);
              const count = inner.map((axis) => layout.extent(axis)).join(" * ") || "1";
              em.line(`const ${index} to = end < ${count} ? end : ${count};`);
              em.block(`for (${index} f = from + lane; f < to; f += 32)`, () => {
                em.coordinates("f", inner, "x");
                em.at(inner, names, () => {
                  em.hoist(roots);
                  em.line(this.storeText(output));
                });
              });
            });
          });
        });
      });
    });
  }
}
