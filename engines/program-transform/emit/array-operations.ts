/**
 * Operations on arrays as JavaScript. An update writes in place where nothing reads the old array again: an array is owned by the
 * code that made it or was handed it, until somebody else may hold it too.
 */
import { assert } from "../../../core/base/errors.ts";
import type { Node } from "../ir/graph.ts";
import { resolveType, type Type } from "../ir/type.ts";
import { type Block, boxed, type Code, disown } from "./code.ts";
import { isLazy } from "./structures.ts";
import { isArray, isNumbers } from "./updates.ts";
import type { Writer } from "./writer.ts";

/** An array of nothing, which every use may have for itself. */
export const EMPTY = "Numbers.of()";

export function arrayOperation(w: Writer, n: Node, block: Block): Code {
  const text = (i: number) => boxed(block.codes.get(n.args[i] as Node) as Code);
  const ofNumbers = isNumbers(n.args[0]?.type ?? n.type);
  switch (n.op) {
    case "arrayOf": {
      const items = n.args.map((a) => boxed(handed(a, n, block)));
      if (items.length === 0) return { text: isNumbers(n.type) ? EMPTY : "[]", owned: true };
      return w.declare(isNumbers(n.type) ? `Numbers.of(${items.join(", ")})` : `[${items.join(", ")}]`, true);
    }
    case "arrayLength":
      return w.declare(`${text(0)}.length`);
    case "arrayGet":
      if (n.index === 1) return w.declare(ofNumbers ? `${text(0)}.data[${text(1)}]` : `${text(0)}[${text(1)}]`);
      return w.declare(ofNumbers ? `${text(0)}.get(${text(1)})` : `itemAt(${text(0)}, ${text(1)})`);
    case "arrayFill":
      return w.declare(isNumbers(n.type) ? `Numbers.fill(${text(0)}, ${text(1)})` : `new Array(${text(0)}).fill(${text(1)})`, true);
    case "arraySum":
      return w.declare(ofNumbers ? `${text(0)}.sum()` : `sumOf(${text(0)}, ${w.constant(n.type)})`);
    case "zeros":
      if (isLazy(n.type)) return { text: "null", owned: true };
      return w.declare(ofNumbers ? `Numbers.fill(${text(0)}.length, 0)` : `zerosOf(${text(0)}, ${w.constant(n.args[0]?.type)})`, true);
    case "plus": {
      if (!isArray(n.type)) return w.declare(`plusOf(${target(n, block).text}, ${text(1)}, ${w.constant(n.type)})`, true);
      return update(w, n, block, (a) => (ofNumbers ? `${a}.plus(${text(1)})` : `plusOf(${a}, ${text(1)}, ${w.constant(n.type)})`));
    }
    case "arraySet": {
      const value = boxed(handed(n.args[2] as Node, n, block));
      return update(w, n, block, (a) => (ofNumbers ? `${a}.set(${text(1)}, ${value})` : `setAt(${a}, ${text(1)}, ${value})`));
    }
    case "arrayAdd": {
      const type = resolveType(n.type);
      assert(type.kind === "array", "an addition to what is no array");
      return update(w, n, block, (a) =>
        ofNumbers ? `${a}.add(${text(1)}, ${text(2)})` : `addAt(${a}, ${text(1)}, ${text(2)}, ${w.constant(type.of)})`,
      );
    }
    case "arrayPush": {
      const value = boxed(handed(n.args[1] as Node, n, block));
      return update(w, n, block, (a, { roomy }) => (roomy ? `${a}.data[${a}.length++] = ${value}` : `${a}.push(${value})`));
    }
    case "arrayPop":
      return update(w, n, block, (a) => (ofNumbers ? `${a}.pop()` : `popFrom(${a})`));
    default:
      throw new Error(`${n.op} is no operation on arrays`);
  }
}

type One = Exclude<Code, { readonly fields: unknown }>;

/** Writes the first argument in place; the result goes by the same name. */
function update(w: Writer, n: Node, block: Block, statement: (name: string, code: One) => string): Code {
  const code = w.named(target(n, block)) as One;
  w.line(`${statement(code.text, code)};`);
  return { ...code, owned: true };
}

/** The first argument, to be written in place: itself where it is owned and nobody reads it later, else a copy. */
function target(n: Node, block: Block): One {
  const a = n.args[0] as Node;
  const code = block.codes.get(a) as Code;
  if (block.isLast(a, n) && !("fields" in code) && code.owned) return code;
  return copied({ text: boxed(code), owned: false }, a.type) as One;
}

/** An argument that the user may hold on to: still owned where this is its last use, by nobody from now on where not; nothing is everybody's own. */
export function handed(a: Node, user: Node, block: Block): Code {
  const code = block.codes.get(a) as Code;
  if (a.op === "arrayOf" && a.args.length === 0) return { text: boxed(code), owned: true };
  if (!block.isLast(a, user)) disown(code);
  return code;
}

export function copied(code: Code, type: Type): Code {
  if ("fields" in code || code.owned || !isArray(type)) return code;
  return { text: `${code.text}.${isNumbers(type) ? "copy" : "slice"}()`, owned: true };
}

/** Copies of what is not owned, where somebody will write it. */
export function owning(code: Code, t: Type, isWritten: (t: Type) => boolean): Code {
  if (t.kind === "array") return isWritten(t) ? copied(code, t) : code;
  if (t.kind === "tuple" && "fields" in code) return { fields: code.fields.map((f, i) => owning(f, t.items[i] as Type, isWritten)) };
  return code;
}
