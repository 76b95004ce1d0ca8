/**
 * Rules of windows. A convolution y = x ∗ w is linear in each operand, and so is each of its transposes: the derivative of one
 * product by one operand is another product of the same three. Unfolding and folding are transposes of each other.
 */
import type { ConvolutionParams, WindowParams } from "../core/primitives/window.ts";
import { inputs, linear, zero } from "./rule.ts";

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
  argmaxWindows: zero("a position"),
};
