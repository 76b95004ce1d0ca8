/** Arrays of numbers as compiled programs hold them: unboxed, growing by doubling, indices checked. */
import { BenchError } from "../../../core/base/errors.ts";

export class Numbers {
  data: Float64Array;
  length: number;

  constructor(data: Float64Array, length: number) {
    this.data = data;
    this.length = length;
  }

  static of(...items: number[]): Numbers {
    return new Numbers(Float64Array.from(items), items.length);
  }

  static fill(count: number, value: number): Numbers {
    const data = new Float64Array(count);
    if (!Object.is(value, 0)) data.fill(value);
    return new Numbers(data, count);
  }

  /** An empty array with room for so many numbers, and one for a count that was rounded. */
  static room(count: number): Numbers {
    const room = count > 0 ? Math.ceil(count) + 1 : 1;
    try {
      return new Numbers(new Float64Array(room), 0);
    } catch {
      throw new BenchError("runtime", `a loop of ${room - 1} turns needs ${8 * (room - 1)} bytes to keep what its derivative reads`, {
        advice: "let it turn less often",
      });
    }
  }

  copy(): Numbers {
    return new Numbers(this.data.slice(0, this.length), this.length);
  }

  get(i: number): number {
    if (i >= this.length) outOfRange(i, this.length);
    const x = this.data[i];
    if (x === undefined) outOfRange(i, this.length);
    return x as number;
  }

  /** Writes in place; so do the others below. */
  set(i: number, x: number): this {
    if (i >= this.length || this.data[i] === undefined) outOfRange(i, this.length);
    this.data[i] = x;
    return this;
  }

  add(i: number, x: number): this {
    if (i >= this.length || this.data[i] === undefined) outOfRange(i, this.length);
    (this.data[i] as number) += x;
    return this;
  }

  push(x: number): this {
    if (this.length === this.data.length) this.grow();
    this.data[this.length++] = x;
    return this;
  }

  pop(): this {
    if (this.length === 0) outOfRange(-1, 0);
    this.length--;
    return this;
  }

  plus(other: Numbers): this {
    for (let i = 0; i < this.length; i++) (this.data[i] as number) += other.data[i] as number;
    return this;
  }

  sum(): number {
    let s = 0;
    for (let i = 0; i < this.length; i++) s += this.data[i] as number;
    return s;
  }

  private grow(): void {
    const data = new Float64Array(Math.max(16, 2 * this.data.length));
    data.set(this.data);
    this.data = data;
  }
}

export function outOfRange(i: number, length: number): never {
  throw new BenchError("runtime", `index ${i} is out of range [0, ${length})`, { advice: "compare with .length before reading" });
}

/** An element of an array of other things. */
export function itemAt<T>(array: readonly T[], i: number): T {
  if (!(i >= 0 && i < array.length) || i % 1 !== 0) outOfRange(i, array.length);
  return array[i] as T;
}
