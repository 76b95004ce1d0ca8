/**
 * How far from the reference a verified number may be. The one place where tolerances are written: checks and tests ask here.
 * Errors are relative to the norm of the reference (value: max(1, |reference|)), so a gradient of tiny entries cannot pass as zero.
 */
import type { FloatDType } from "../core/base/dtype.ts";

/** `value`: the program's result. `gradient`: against a hand-written one. `directional`: against central differences in float64. */
export type Checked = "value" | "gradient" | "directional";

const TOLERANCE: Record<FloatDType, Record<Checked, number>> = {
  // Unit roundoff 6e-8; losses of these models add 1e3 to 1e6 terms in blocks, and recurrent ones chain hundreds of steps.
  f32: { value: 1e-4, gradient: 5e-4, directional: 1e-3 },
  // Unit roundoff 1e-16; 1e-8 is the level of ADBench's own check, and what extrapolated central differences resolve.
  f64: { value: 1e-10, gradient: 1e-9, directional: 1e-8 },
};

/** The largest relative error with which `what`, computed in `dtype`, counts as right. */
export function tolerance(dtype: FloatDType, what: Checked): number {
  return TOLERANCE[dtype][what];
}
