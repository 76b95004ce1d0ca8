/** A recording as text, one node a line in the order in which it ran, with what is kept for the backward walk; and as a picture. */
import { type Aval, showAval } from "../../core/base/aval.ts";
import { primitiveNames, primitives } from "../../core/primitives/table.ts";
import { Drawing, type Picture } from "../picture/picture.ts";
import { LEAF, SIDE, type Tape } from "./tape.ts";

/** `%2: f32[3] = mul(%0, %1)   keeps 0, 1`. Numbers show their values. O(nodes). */
export function showTape(tape: Tape): string {
  return Array.from({ length: tape.count }, (_, n) => line(tape, n)).join("\n");
}

/** Constants have no boxes; a node says what is kept for the backward walk. O(nodes). */
export function drawTape(tape: Tape, title: string): Picture {
  const drawing = new Drawing();
  const typeOf = (n: number) => {
    const at = tape.sideStart[n] as number;
    return at < 0 ? "num" : showAval(tape.side[at + SIDE.outAval] as Aval);
  };
  for (let n = 0; n < tape.count; n++) {
    const isLeaf = tape.opcode[n] === LEAF;
    const op = isLeaf ? "argument" : (primitiveNames[tape.opcode[n] as number] as string);
    drawing.add({ parent: -1, kind: isLeaf ? "input" : "node", label: `${op} %${n}`, op, detail: line(tape, n), type: typeOf(n) });
    const end = tape.inStart[n + 1] as number;
    for (let i = tape.inStart[n] as number; !isLeaf && i < end; i++) {
      const from = tape.inputs[i] as number;
      if (from >= 0) drawing.edge(from, n, typeOf(from));
    }
  }
  return drawing.finish(title);
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
