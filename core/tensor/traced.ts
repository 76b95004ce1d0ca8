/**
 * Traced values: how an engine that works by operator overloading sees the operations of a program. An operation looks at its
 * operands; the traced one of the highest level interprets it, and unwraps itself to the level below, until plain numbers and
 * tensors remain, which are computed at once. Levels are the numbering of nested derivative operators: an inner `grad` has a
 * higher level than the outer one that runs it, so perturbations are never confused (Siskind and Pearlmutter 2005).
 */
import type { Aval } from "../base/aval.ts";
import type { DType } from "../base/dtype.ts";
import { unsupported } from "../base/errors.ts";
import { elementCount, type Shape } from "../base/shape.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { NUMBER } from "../primitives/host.ts";
import type { Tensor } from "./tensor.ts";

/** Anything that an operation accepts: a JavaScript number, a tensor, or either of them being traced by an engine. */
export type Value = number | Tensor | Traced;

export abstract class Traced {
  /** Nesting level of the derivative operator that traces this value. */
  abstract readonly level: number;
  /** The value one level down. */
  abstract readonly primal: Value;
  /** False for a value that only a graph will have: it has no primal. */
  get isKnown(): boolean {
    return true;
  }

  /** Applies a primitive of which this value is the operand of highest level. */
  abstract interpret(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value;

  /** The values that this one is made of (primal, and tangent in forward mode): scopes keep their tensors alive with it. */
  parts(): readonly Value[] {
    return [this.primal];
  }

  /** What is known of the value: shape and dtype of a tensor, those of {@link NUMBER} for a number. */
  get aval(): Aval {
    const { primal } = this;
    return typeof primal === "number" ? NUMBER : primal.aval;
  }

  /** Shape of a traced tensor; undefined for a number, as on numbers themselves. */
  get shape(): Shape | undefined {
    const { primal } = this;
    return typeof primal === "number" ? undefined : primal.shape;
  }

  get dtype(): DType | undefined {
    const { primal } = this;
    return typeof primal === "number" ? undefined : primal.dtype;
  }

  /** The number of elements of a traced tensor. */
  get size(): number | undefined {
    const { shape } = this;
    return shape && elementCount(shape);
  }

  /** Strings show the number itself, as `console.log` of an untraced program would. */
  toString(radix?: number): string {
    const v = innermost(this);
    if (typeof v !== "number") return v.toString();
    const text = v.toString(radix);
    rememberText(text);
    return text;
  }

  toFixed(digits?: number): string {
    return plainNumber(this, "toFixed").toFixed(digits);
  }

  toPrecision(digits?: number): string {
    return plainNumber(this, "toPrecision").toPrecision(digits);
  }

  toExponential(digits?: number): string {
    return plainNumber(this, "toExponential").toExponential(digits);
  }

  /** JavaScript wants a bare number (or a key) where a traced one stands: the derivative would be lost without a word, so refuse. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw unsupported(
      "a number that is being differentiated is used where JavaScript needs a bare number, which would drop its derivative",
      "use operators, Math.* and array methods on it directly, or wrap it in stopGradient(...) where no derivative is meant",
    );
  }

  toJSON(): never {
    throw unsupported(
      "JSON.stringify of a number that is being differentiated would drop its derivative",
      "serialise after differentiation",
    );
  }
}

/**
 * The texts that traced numbers have lately been shown as. Text carries no derivative, so reading one of these back as a number
 * would be a silent zero; whoever reads text as numbers asks here first. Bounded: the oldest is forgotten.
 */
const texts = new Set<string>();
const MAX_TEXTS = 10_000;

function rememberText(text: string): void {
  if (texts.size >= MAX_TEXTS) texts.delete(texts.values().next().value as string);
  texts.add(text);
}

export function isTextOfTraced(text: string): boolean {
  return texts.size > 0 && texts.has(text.trim());
}

/** A new evaluation begins: texts of earlier ones do not count against it. */
export function forgetTexts(): void {
  texts.clear();
}

/** True for a number, traced or not; a tensor is none, even where only its shape is known. */
export function isNumber(value: Value): boolean {
  return typeof value === "number" || (value instanceof Traced && value.shape === undefined);
}

/** True where the value is there, and not just what will be computed. */
export function isKnown(value: Value): boolean {
  return !(value instanceof Traced) || value.isKnown;
}

/** The number or tensor inside all tracing levels. */
export function innermost(value: Value): number | Tensor {
  let v = value;
  while (v instanceof Traced) v = v.primal;
  return v;
}

function plainNumber(value: Value, what: string): number {
  const v = innermost(value);
  if (typeof v !== "number") throw unsupported(`${what} is a method of numbers, and this is a tensor`);
  return v;
}
