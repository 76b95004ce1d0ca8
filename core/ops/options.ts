/** What an attribute may be: an option, a word or a number that a function does not know is refused, never passed over. */
import { mismatch } from "../base/errors.ts";
import { type Shape, sameShape, showShape } from "../base/shape.ts";

/** Refuses an option that a function does not know: a misspelt one would be left out without a word. */
export function known(name: string, options: object, names: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw mismatch(`${name}: its options are ${JSON.stringify(options)}`, `they are a record of ${names.join(", ")}`);
  const other = Object.keys(options).find((key) => !names.includes(key));
  if (other !== undefined) throw mismatch(`${name} has no option ${other}`, `its options are ${names.join(", ")}`);
}

/** Refuses a word that is none of those that an attribute may be. */
export function oneOf(name: string, attribute: string, value: string, words: readonly string[]): void {
  if (!words.includes(value)) throw mismatch(`${name}: ${attribute} is "${value}"`, `it is one of ${words.join(", ")}`);
}

/** Refuses what is no truth value: a word such as "no" would count as true. */
export function truth(name: string, attribute: string, value: boolean): void {
  if (typeof value !== "boolean") throw mismatch(`${name}: ${attribute} is ${JSON.stringify(value)}, and must be true or false`);
}

/** Refuses what is no list where an attribute is one. */
export function listed(name: string, attribute: string, value: readonly unknown[]): void {
  if (!Array.isArray(value)) throw mismatch(`${name}: ${attribute} is ${shown(value)}, and must be a list`, "write [2] for one entry");
}

/** Refuses a number that is not what an attribute `must` be. */
export function numeric(name: string, attribute: string, value: number, fits: boolean, must: string): void {
  if (typeof value !== "number" || !fits) throw mismatch(`${name}: ${attribute} is ${value}, and must be ${must}`);
}

/** Refuses an operand of another shape than the one it must have, which broadcasting would let pass. */
export function shaped(name: string, operand: string, shape: Shape, wanted: Shape): void {
  if (!sameShape(shape, wanted))
    throw mismatch(
      `${name}: ${operand} has shape ${showShape(shape)}, and must have ${showShape(wanted)}`,
      "reshape or broadcast it first",
    );
}

/** A word in quotes, a tensor by its dtype and shape. */
function shown(value: unknown): string {
  return typeof value === "object" && value !== null ? String(value) : JSON.stringify(value);
}
