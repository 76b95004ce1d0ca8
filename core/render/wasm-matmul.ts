/** Matrix products in WebAssembly. */
import type { FloatDType } from "../base/dtype.ts";
import { encodeModule, FunctionBuilder } from "./wasm-assembler.ts";

/** run(c, a, b, m, n, k, aRow, aDepth, bDepth, bColumn): strides in bytes. */
export function renderMatmul(t: FloatDType): Uint8Array<ArrayBuffer> {
  const size = t === "f64" ? 8 : 4;
  const f = new FunctionBuilder(new Array(10).fill("i32"));
  const [c, a, b, m, n, k, aRow, aDepth, bDepth, bColumn] = Array.from({ length: 10 }, (_, i) => i) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const loop = (bound: number, body: (i: number) => void) => {
    const i = f.local("i32");
    f.i32(0)
      .set(i)
      .get(bound)
      .if(() =>
        f.doWhile(() => {
          body(i);
          f.get(i).i32(1).op("i32.add").tee(i).get(bound).op("i32.lt_u");
        }),
      );
  };
  const pa = f.local("i32");
  const pb = f.local("i32");
  const sum = f.local(t);
  loop(m, (i) =>
    loop(n, (j) => {
      f.get(a).get(i).get(aRow).op("i32.mul", "i32.add").set(pa).get(b).get(j).get(bColumn).op("i32.mul", "i32.add").set(pb)[t](0).set(sum);
      loop(k, () => {
        f.get(pa).memory(`${t}.load`).get(pb).memory(`${t}.load`).op(`${t}.mul`).get(sum).op(`${t}.add`).set(sum);
        f.get(pa).get(aDepth).op("i32.add").set(pa).get(pb).get(bDepth).op("i32.add").set(pb);
      });
      f.get(c).get(sum).memory(`${t}.store`).get(c).i32(size).op("i32.add").set(c);
    }),
  );
  return encodeModule({ run: f }, []);
}
