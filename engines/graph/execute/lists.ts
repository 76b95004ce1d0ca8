/** Lists at run time: values that share their elements, so that pushing and popping cost nothing however often a list is used. */
import { createTensor, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../../core/tensor/values.ts";
import type { Type } from "../type.ts";

type Element = Value | List;

export class List {
  readonly of: Type;
  readonly length: number;
  /** May be longer than the list; what lies beyond belongs to a longer one. */
  private readonly elements: Element[];

  constructor(of: Type, elements: Element[] = [], length = elements.length) {
    this.of = of;
    this.elements = elements;
    this.length = length;
  }

  push(x: Element): List {
    const { elements, length, of } = this;
    const own = elements.length === length ? elements : elements.slice(0, length);
    own.push(x);
    return new List(of, own, length + 1);
  }

  /** The last element; a zero where the list is empty. */
  get last(): Element {
    return this.length > 0 ? (this.elements[this.length - 1] as Element) : zeroOf(this.of);
  }

  get rest(): List {
    return this.length > 0 ? new List(this.of, this.elements, this.length - 1) : this;
  }

  /** Sums from the last elements on; the longer list gives the others. */
  plus(other: List): List {
    const [long, short] = this.length >= other.length ? [this, other] : [other, this];
    const gap = long.length - short.length;
    return new List(
      this.of,
      Array.from({ length: long.length }, (_, i) => {
        const x = long.elements[i] as Element;
        return i < gap ? x : sum(x, short.elements[i - gap] as Element);
      }),
    );
  }

  /** The last `rows` elements as one tensor, from the first to the last or the other way. */
  stack(rows: number, reversed: boolean): Value {
    const { elements, length, of } = this;
    const all = Array.from({ length: rows }, (_, i) => {
      const at = length - rows + i;
      return at < 0 ? zeroOf(of) : (elements[at] as Element);
    }) as Value[];
    if (reversed) all.reverse();
    if (of.kind === "number") return createTensor(all as number[], [rows], "f64");
    return valueOps.concat(
      all.map((x) => valueOps.reshape(x, [1, ...avalOf(x).shape])),
      0,
    );
  }

  static unstack(x: Tensor, of: Type, reversed: boolean): List {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    const all = Array.from({ length: rows }, (_, i) =>
      valueOps.reshape(valueOps.slice(x, [i, ...rest.map(() => 0)], [i + 1, ...rest], [1, ...rest.map(() => 1)]), rest),
    );
    return new List(of, reversed ? all.reverse() : all);
  }
}

/** Of what is unset nothing arrived. */
function sum(a: Element | undefined, b: Element | undefined): Element {
  if (a === undefined || b === undefined) return (a ?? b) as Element;
  return a instanceof List ? a.plus(b as List) : valueOps.add(a, b as Value);
}

function zeroOf(t: Type): Element {
  if (t.kind === "list") return new List(t.of);
  return t.kind === "number" ? 0 : valueOps.broadcastTo(valueOps.lift(0, t.aval.dtype), t.aval.shape);
}
