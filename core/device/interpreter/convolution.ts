/** The three products of a convolution by their definition: one loop nest each, in float64 with compensated sums. */
import type { TypedArray } from "../../base/dtype.ts";
import type { ConvolutionLaunch } from "../../kernel/launch.ts";
import { Sum } from "./fold.ts";

/** Writes the product `launch.product` of `a` and `b` to `out`, all dense. */
export function convolve(launch: ConvolutionLaunch, out: TypedArray, a: TypedArray, b: TypedArray): void {
  const { product, n, c, o, groups, input, output, kernel } = launch;
  const channels = c / groups;
  const makes = o / groups;
  const [h, w] = input;
  const [oh, ow] = output;
  const [kh, kw] = kernel;
  const x = (image: number, channel: number, row: number, column: number) => ((image * c + channel) * h + row) * w + column;
  const y = (image: number, channel: number, row: number, column: number) => ((image * o + channel) * oh + row) * ow + column;
  const weight = (make: number, channel: number, row: number, column: number) => ((make * channels + channel) * kh + row) * kw + column;
  const at = (view: TypedArray, i: number) => view[i] as number;

  /** All (window, tap, pixel) along an axis whose pixel lies in the image, listed by one of them. */
  const rows = links(launch, 0);
  const columns = links(launch, 1);

  if (product === "forward") {
    each(n, o, oh, ow, (image, make, row, column) => {
      const first = Math.floor(make / makes) * channels;
      const sum = new Sum();
      for (let channel = 0; channel < channels; channel++)
        for (const r of rows.byWindow[row] ?? [])
          for (const q of columns.byWindow[column] ?? [])
            sum.add(at(a, x(image, first + channel, r.pixel, q.pixel)) * at(b, weight(make, channel, r.tap, q.tap)));
      out[y(image, make, row, column)] = sum.value();
    });
  } else if (product === "input") {
    each(n, c, h, w, (image, channel, row, column) => {
      const group = Math.floor(channel / channels);
      const sum = new Sum();
      for (let make = group * makes; make < (group + 1) * makes; make++)
        for (const r of rows.byPixel[row] ?? [])
          for (const q of columns.byPixel[column] ?? [])
            sum.add(at(a, y(image, make, r.window, q.window)) * at(b, weight(make, channel - group * channels, r.tap, q.tap)));
      out[x(image, channel, row, column)] = sum.value();
    });
  } else {
    each(o, channels, kh, kw, (make, channel, row, column) => {
      const first = Math.floor(make / makes) * channels;
      const sum = new Sum();
      for (let image = 0; image < n; image++)
        for (const r of rows.byTap[row] ?? [])
          for (const q of columns.byTap[column] ?? [])
            sum.add(at(a, x(image, first + channel, r.pixel, q.pixel)) * at(b, y(image, make, r.window, q.window)));
      out[weight(make, channel, row, column)] = sum.value();
    });
  }
}

interface Link {
  readonly window: number;
  readonly tap: number;
  readonly pixel: number;
}

function links({ input, output, kernel, stride, padding, dilation }: ConvolutionLaunch, axis: 0 | 1) {
  const byWindow: Link[][] = [];
  const byTap: Link[][] = [];
  const byPixel: Link[][] = [];
  for (let window = 0; window < output[axis]; window++) {
    for (let tap = 0; tap < kernel[axis]; tap++) {
      const pixel = window * stride[axis] - padding[axis] + tap * dilation[axis];
      if (pixel < 0 || pixel >= input[axis]) continue;
      const link = { window, tap, pixel };
      for (const [list, key] of [
        [byWindow, window],
        [byTap, tap],
        [byPixel, pixel],
      ] as const) {
        list[key] ??= [];
        (list[key] as Link[]).push(link);
      }
    }
  }
  return { byWindow, byTap, byPixel };
}

function each(a: number, b: number, c: number, d: number, visit: (i: number, j: number, k: number, l: number) => void): void {
  for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) for (let k = 0; k < c; k++) for (let l = 0; l < d; l++) visit(i, j, k, l);
}
