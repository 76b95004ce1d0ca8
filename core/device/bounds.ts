/** The error for an index outside its axis, which every device words alike. */
import { BenchError } from "../base/errors.ts";

/** `position`: the leading coordinates of the iteration point that the index was computed from. */
export function indexOutOfRange(index: number, extent: number, position: readonly number[]): BenchError {
  const where = position.length === 0 ? "" : ` at position [${position.join(", ")}]`;
  return new BenchError("runtime", `index ${index} is out of range [0, ${extent})${where}`, {
    advice: "check the index tensor (labels, tokens, gather or scatter indices) against the length of the axis that it addresses",
  });
}
