/**
 * Rules of windows. A convolution y = x ∗ w is linear in each operand, and so is each of its transposes: the derivative of one
 * product by one operand is another product of the same three. Unfolding and folding are transposes of each other.
 */
import type { ConvolutionParams, WindowParams } from "../core/primitives/window.ts";
import type { Ops } from "../core/vocabulary.ts";
import { inputs, linear, type Site, zero } from "./rule.ts";

export const windowRules = {
  convolution: inputs<ConvolutionParams>(
    linear(
      (op, t, s) => op.convolution(t, s.in(1), s.params),
      (op, ct, s) => op.convolutionInput(ct, s.in(1), s.params),
    ),
    linear(
      (op, t, s) => op.convolution(s.in(0), t, s.params),
      (op, ct, s) => op.convolutionWeight(s.in(0), ct, s.params),
    ),
  ),
  convolutionInput: inputs<ConvolutionParams>(
    linear(
      (op, t, s) => op.convolutionInput(t, s.in(1), s.params),
      (op, ct, s) => op.convolution(ct, s.in(1), s.params),
    ),
    linear(
      (op, t, s) => op.convolutionInput(s.in(0), t, s.params),
      (op, ct, s) => op.convolutionWeight(ct, s.in(0), s.params),
    ),
  ),
  convolutionWeight: inputs<ConvolutionParams>(
    linear(
      (op, t, s) => op.convolutionWeight(t, s.in(1), s.params),
      (op, ct, s) => op.convolutionInput(s.in(1), ct, s.params),
    ),
    linear(
      (op, t, s) => op.convolutionWeight(s.in(0), t, s.params),
      (op, ct, s) => op.convolution(s.in(0), ct, s.params),
    ),
  ),
  unfold: inputs<WindowParams>(
    linear(
      (op, t, s) => op.unfold(t, s.params),
      (op, ct, s) => op.fold(ct, s.params),
    ),
  ),
  fold: inputs<WindowParams>(
    linear(
      (op, t, s) => op.fold(t, s.params),
      (op, ct, s) => op.unfold(ct, s.params),
    ),
  ),
  sumWindows: inputs<WindowParams>(
    linear(
      (op, t, s) => op.sumWindows(t, s.params),
      (op, ct, s) => spreadAlong(op, spreadAlong(op, ct, s, 0), s, 1),
    ),
  ),
  argmaxWindows: zero("a position"),
};

/**
 * The transpose of summing windows along one image axis (0: rows). Windows that do not overlap give their number to each of their
 * elements: a broadcast. Others overlap as windows of the cotangent do: with stride - 1 zeros between its elements and enough around
 * them, the windows of it that begin at every place are those that hold a pixel.
 */
function spreadAlong<V>(op: Ops<V>, ct: V, s: Site<V, WindowParams>, axis: 0 | 1): V {
  const { input, kernel, stride, dilation } = s.params;
  const [n, c, oH, oW] = s.outAval.shape as readonly [number, number, number, number];
  // Rows first: columns are still windows then, and rows are those of the image afterwards.
  const [h, w] = axis === 0 ? [oH, oW] : [input[0], oW];
  const windows = axis === 0 ? h : w;
  const [k, by, d, length] = [kernel[axis], stride[axis], dilation[axis], input[axis]];
  const along = (other: number, own: number) => (axis === 0 ? [other, other, own, other] : [other, other, other, own]);
  const cut = (x: V, shape: readonly number[]) => op.slice(x, along(0, 0), shape, along(1, 1));
  const reach = d * (k - 1) + 1;
  if (d === 1 && by >= k) {
    const split = axis === 0 ? [n, c, h, 1, w] : [n, c, h, w, 1];
    const spread = op.broadcastTo(op.reshape(ct, split), axis === 0 ? [n, c, h, k, w] : [n, c, h, w, k]);
    const gap = axis === 0 ? [0, 0, 0, by - k, 0] : [0, 0, 0, 0, by - k];
    const none = [0, 0, 0, 0, 0];
    const spaced = by === k ? spread : op.pad(spread, none, gap, none, 0);
    const whole = op.reshape(spaced, axis === 0 ? [n, c, h * by, w] : [n, c, h, w * by]);
    const used = Math.min(windows * by, length);
    const kept = used === windows * by ? whole : cut(whole, axis === 0 ? [n, c, used, w] : [n, c, h, used]);
    return used === length ? kept : op.pad(kept, along(0, 0), along(0, length - used), along(0, 0), 0);
  }
  const after = windows === 0 ? length : length - (windows - 1) * by - 1;
  const padded = op.pad(ct, along(0, reach - 1), along(0, after), along(0, by - 1), 0);
  return op.sumWindows(padded, {
    input: axis === 0 ? [length + reach - 1, w] : [h, length + reach - 1],
    kernel: axis === 0 ? [k, 1] : [1, k],
    stride: [1, 1],
    dilation: axis === 0 ? [d, 1] : [1, d],
  });
}
