/** A recording as text: one node a line, in the order in which it ran, with what is kept for the backward walk. */
import { type Aval, showAval } from "../../core/base/aval.ts";
import { primitiveNames, primitives } from "../../core/primitives/table.ts";
import { LEAF, SIDE, type Tape } from "./tape.ts";

/** `%2: f32[3] = mul(%0, %1)   keeps 0, 1`. Numbers show their values. O(nodes). */
export function showTape(tape: Tape): string {
  return Array.from({ length: tape.count }, (_, n) => line(tape, n)).join("\n");
}

function line(tape: Tape, n: number): string {
  const at = tape.sideStart[n] as number;
  const isPlain = at < 0;
  const type = isPlain ? "num" : showAval(tape.side[at + SIDE.outAval] as Aval);
  if (tape.opcode[n] === LEAF) return `%${n}: ${type} = argument${isPlain ? ` ${tape.outNumber[n]}` : ""}`;
  const start = tape.inStart[n] as number;
  const count = (tape.inStart[n + 1] as number) - start;
  const name = primitiveNames[tape.opcode[n] as number] as keyof typeof primitives;
  const args = Array.from({ length: count }, (_, i) => {
    const from = tape.inputs[start + i] as number;
    return from >= 0 ? `%${from}` : isPlain ? String(tape.inNumber[start + i]) : "constant";
  });
  if (isPlain) return `%${n}: num = ${name}(${args.join(", ")}) → ${tape.outNumber[n]}`;
  const params = tape.side[at + SIDE.params];
  const kept = args.flatMap((_, i) => (tape.side[at + SIDE.inputs + 2 * i + 1] === undefined ? [] : [`input ${i}`]));
  if (tape.side[at + SIDE.out] !== undefined) kept.push("result");
  const shown = params === undefined ? "" : `[${primitives[name].paramsKey(params as never)}]`;
  return `%${n}: ${type} = ${name}${shown}(${args.join(", ")})${kept.length === 0 ? "" : `   keeps ${kept.join(", ")}`}`;
}
