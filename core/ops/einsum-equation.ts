/**
 * Einstein summation, the words: "bij,jk->bik" becomes a list of labels for each operand and for the result. A label is a letter, or
 * a number for an axis of the ellipsis, counted from the last one (axes of an ellipsis align at the end, as in broadcasting).
 */
import { mismatch } from "../base/errors.ts";
import { type Shape, showShape } from "../base/shape.ts";

export type Label = string;

export interface Equation {
  /** One list per operand, one label per axis; a letter may stand twice in a list. */
  readonly operands: readonly (readonly Label[])[];
  readonly result: readonly Label[];
  /** The length of each label. */
  readonly lengths: ReadonlyMap<Label, number>;
}

/** Reads an equation for operands of the given shapes. Throws a `type` error that quotes it where it does not fit them. */
export function parseEquation(equation: string, shapes: readonly Shape[]): Equation {
  const fail = (why: string, advice?: string) => mismatch(`einsum "${equation}" of ${shapes.map(showShape).join(", ")}: ${why}`, advice);
  const parts = equation.replaceAll(/\s/g, "").split("->");
  const [left = "", right] = parts;
  if (parts.length > 2) throw fail('"->" may stand once');
  const terms = left.split(",");
  if (terms.length !== shapes.length) throw fail(`${terms.length} operands are described and ${shapes.length} given`);

  const operands = terms.map((term, i) => labelsOf(term, (letters) => (shapes[i] as Shape).length - letters, fail));
  const lengths = new Map<Label, number>();
  for (const [i, labels] of operands.entries()) {
    const shape = shapes[i] as Shape;
    if (labels.length !== shape.length) throw fail(`"${terms[i]}" names ${labels.length} axes of operand ${i}, which has ${shape.length}`);
    for (const [axis, label] of labels.entries()) {
      const length = shape[axis] as number;
      const known = lengths.get(label);
      // Only axes of an ellipsis broadcast.
      if (known === undefined || (isEllipsis(label) && known === 1)) lengths.set(label, length);
      else if (known !== length && !(isEllipsis(label) && length === 1))
        throw fail(`${isEllipsis(label) ? `axis -${Number(label) + 1} of the ellipsis` : `"${label}"`} has lengths ${known} and ${length}`);
    }
  }

  const spread = [...lengths.keys()].filter(isEllipsis).sort((a, b) => Number(b) - Number(a));
  const result = right === undefined ? implied(operands, spread) : labelsOf(right, () => spread.length, fail);
  for (const [i, label] of result.entries()) {
    if (!lengths.has(label)) throw fail(`"${label}" of the result is in no operand`);
    if (result.indexOf(label) !== i) throw fail(`"${label}" stands twice in the result`);
  }
  if (right !== undefined && !right.includes("...") && spread.length > 0)
    throw fail("the result drops the axes of the ellipsis", 'write "..." in the result, or name the axes with letters to sum over them');
  return { operands, result, lengths };
}

const isEllipsis = (label: Label) => /^\d/.test(label);

/** `rest(letters)`: how many axes the ellipsis of this term stands for. */
function labelsOf(term: string, rest: (letters: number) => number, fail: (why: string) => Error): Label[] {
  const at = term.indexOf("...");
  const letters = at < 0 ? term : term.slice(0, at) + term.slice(at + 3);
  const wrong = [...letters].find((c) => !/[A-Za-z]/.test(c));
  if (wrong !== undefined) throw fail(`"${wrong}" is not a letter`);
  if (at < 0) return [...letters];
  const count = rest(letters.length);
  if (count < 0) throw fail(`"${term}" names more axes than its operand has`);
  return [...term.slice(0, at), ...Array.from({ length: count }, (_, i) => String(count - 1 - i)), ...term.slice(at + 3)];
}

/** Without "->": the axes of the ellipsis, then the letters that stand exactly once, in the order of the alphabet. */
function implied(operands: readonly (readonly Label[])[], spread: readonly Label[]): Label[] {
  const all = operands.flat().filter((l) => !isEllipsis(l));
  return [...spread, ...all.filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort()];
}
