/** Programs that throw when they run: what they throw is the error. */
import type { Row } from "./programs.ts";

/** Programs that throw for these arguments, with the message. */
export const THROWING: readonly (readonly [...Row, message: string])[] = [
  ["throw dropped", "export function f(x: number, n: number) { if (x < 0) throw new RangeError('neg'); return x; }", -1, 1, "neg"],
  [
    "open index out",
    "export function f(x: number, n: number) { const a = [x, 2 * x, 3 * x]; return (a[n] ?? 100) * x; }",
    3,
    7,
    "index 7 is out of range [0, 3)",
  ],
  ["throws always", "export function f(x: number, n: number) { throw new Error('no'); }", 3, 5, "no"],
  [
    "throw taken helper",
    "function g(x: number) { if (x > 2) throw new Error('big'); return 2; }\nexport function f(x: number, n: number) { return g(x) * x; }",
    3,
    5,
    "big",
  ],
];
