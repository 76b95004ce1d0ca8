import fc from "fast-check";
import { expect, it } from "vitest";
import { runKernelCase } from "../../../test/arbitrary-kernel.ts";
import { type DType, hostArray } from "../../base/dtype.ts";
import { type Access, kernel, type Operand } from "../../kernel/kernel.ts";
import { binary, cast, type Expr, load, select } from "../../kernel/scalar-expr.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createWasm } from "./device.ts";

/** How an operand lies over the axes [batch, rows, columns]: by which of them it moves, and which of them is contiguous. */
const layouts = ["transposed", "plain", "row", "column", "batch"] as const;

it("maps of transposed operands, in tiles and at their ends, give the numbers of the interpreter", () => {
  const wasm = createWasm();
  const interpreter = createInterpreter();
  const drawn = fc.record({
    dtypes: fc.constantFrom<readonly DType[]>(["f32"], ["f64"], ["i32"], ["f32", "i32"], ["f32", "f64"]),
    chosen: fc.array(fc.constantFrom(...layouts), { minLength: 0, maxLength: 3 }),
    extents: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })),
    gap: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(drawn, ({ dtypes, chosen, extents: [batch, rows, columns], gap }) => {
      const operands: Operand[] = [];
      const strides: number[][] = [];
      const of = (dtype: DType, s: readonly number[]) => {
        operands.push({ dtype, access: s.map((x): Access => (x === 0 ? "fixed" : x === 1 ? "unit" : "strided")), indirect: false });
        strides.push([...s]);
      };
      const all = ["transposed", ...chosen] as const;
      for (const [k, layout] of all.entries()) {
        const dtype = dtypes[k % dtypes.length] as DType;
        const [row, column] = [columns + gap + 2, rows + gap + 2];
        if (layout === "transposed") of(dtype, [column * columns, 1, column]);
        else if (layout === "plain") of(dtype, [row * rows, row, 1]);
        else of(dtype, layout === "row" ? [0, 0, 1] : layout === "column" ? [0, 1, 0] : [1, 0, 0]);
      }
      const out = dtypes[0] as DType;
      const loads = operands.map((o, k): Expr => cast(load(k, o.dtype), out));
      const sum = loads.reduce((x, y) => binary("add", x, y));
      const result = select(cast(loads[0] as Expr, "bool"), sum, loads.at(-1) as Expr);
      const k = kernel({
        rank: 3,
        reduced: 0,
        operands,
        reductions: [],
        outputs: [
          {
            dtype: out,
            access: ["strided", "strided", "unit"],
            indirect: false,
            result,
            each: "element",
            storeAt: undefined,
            accumulate: false,
          },
        ],
      });
      const length = batch * (rows + columns + 10) * (rows + columns + 10) + 100;
      const filled = (dtype: DType, seed: number) =>
        hostArray(dtype, length).map((_: number, i: number) => ((i * 31 + seed * 17) % 13) - 4);
      const c = {
        kernel: k,
        geometry: {
          extents: [batch, rows, columns],
          strides: [...strides, [(columns + gap) * rows + 1, columns + gap, 1]],
          offsets: [...operands.map((_, i) => i), 5],
          indirect: new Array<undefined>(operands.length + 1).fill(undefined),
        },
        inputs: operands.map((o, i) => filled(o.dtype, i)),
        outputs: [filled(out, 99)],
      };
      expect(runKernelCase(wasm, c)).toEqual(runKernelCase(interpreter, c));
    }),
    { numRuns: 300 },
  );
});
