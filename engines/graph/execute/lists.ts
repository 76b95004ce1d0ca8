/** Lists at run time: values that share their elements, so that pushing and popping cost nothing however often a list is used. */
import type { MatmulParams } from "../../../core/primitives/linalg.ts";
import { createTensor, rowsOf, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../../core/tensor/values.ts";
import type { Type } from "../type.ts";

/** A frame is its fields, or undefined where it is unset. */
type Element = Value | List | readonly Element[] | undefined;

/** Elements that one operation takes together: each number of them is prepared anew. */
const TOGETHER = 32;

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

  /** Σ op(a) op(b) over the elements of two lists, by products of many at once. */
  static sumProducts(a: List, b: List, params: MatmulParams, zero: () => Element): Element {
    let total: Value | undefined;
    for (let at = 0; at < a.length; at += TOGETHER) {
      const [x, y] = [a, b].map((l) => l.elements.slice(at, Math.min(at + TOGETHER, l.length)) as Tensor[]) as [Tensor[], Tensor[]];
      const product = valueOps.matmul(joined(x, params.transposeA ? 0 : 1), joined(y, params.transposeB ? 1 : 0), params);
      total = total === undefined ? product : valueOps.add(total, product);
    }
    return total ?? zero();
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
    return joined(
      all.map((x) => valueOps.reshape(x, [1, ...avalOf(x).shape]) as Tensor),
      0,
    );
  }

  static unstack(x: Tensor, of: Type, reversed: boolean): List {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    const all = Array.from({ length: rows }, (_, i) => valueOps.reshape(rowsOf(x, i, 1), rest));
    return new List(of, reversed ? all.reverse() : all);
  }
}

/** Tensors one after the other along an axis. */
function joined(parts: readonly Tensor[], axis: number): Tensor {
  let left = parts;
  while (left.length > 1)
    left = Array.from({ length: Math.ceil(left.length / TOGETHER) }, (_, i) => {
      const group = left.slice(i * TOGETHER, (i + 1) * TOGETHER);
      return group.length === 1 ? (group[0] as Tensor) : (valueOps.concat(group, axis) as Tensor);
    });
  return left[0] as Tensor;
}

/** Of what is unset nothing arrived. */
export function sum(a: Element | undefined, b: Element | undefined): Element {
  if (a === undefined || b === undefined) return (a ?? b) as Element;
  if (Array.isArray(a)) return (a as readonly Element[]).map((x, i) => sum(x, (b as readonly Element[])[i]));
  return a instanceof List ? a.plus(b as List) : valueOps.add(a as Value, b as Value);
}

export function zeroOf(t: Type): Element {
  if (t.kind === "list") return new List(t.of);
  if (t.kind === "frame") return undefined;
  return t.kind === "number" ? 0 : valueOps.broadcastTo(valueOps.lift(0, t.aval.dtype), t.aval.shape);
}
