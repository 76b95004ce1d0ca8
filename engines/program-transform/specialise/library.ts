/**
 * Methods of arrays whose length is not known when a program is specialised, written in the language itself: their source is
 * specialised with the program that calls them, as if the program declared them. A method that changes its array is given by what
 * the array is afterwards. Nothing here but `fold` and `map` knows that it is differentiated: sorting computes the places of the
 * elements, which are numbers without a derivative, and then moves the elements.
 */
type Test<T> = (x: T, i: number, a: readonly T[]) => unknown;

function forEach<T>(a: readonly T[], f: Test<T>): void {
  const n = a.length;
  for (let i = 0; i < n; i++) f(a[i] as T, i, a);
}

function map<T, U>(a: readonly T[], f: (x: T, i: number, a: readonly T[]) => U): U[] {
  const n = a.length;
  const out: U[] = [];
  for (let i = 0; i < n; i++) out.push(f(a[i] as T, i, a));
  return out;
}

function filter<T>(a: readonly T[], f: Test<T>): T[] {
  const n = a.length;
  const out: T[] = [];
  for (let i = 0; i < n; i++) {
    const x = a[i] as T;
    if (f(x, i, a)) out.push(x);
  }
  return out;
}

function flatMap<T, U>(a: readonly T[], f: (x: T, i: number, a: readonly T[]) => U | readonly U[]): U[] {
  const n = a.length;
  const out: U[] = [];
  for (let i = 0; i < n; i++) {
    const y = f(a[i] as T, i, a);
    if (Array.isArray(y)) for (let j = 0; j < y.length; j++) out.push(y[j] as U);
    else out.push(y as U);
  }
  return out;
}

function flat<T>(a: readonly (readonly T[])[]): T[] {
  const out: T[] = [];
  for (let i = 0; i < a.length; i++) {
    const row = a[i] as readonly T[];
    for (let j = 0; j < row.length; j++) out.push(row[j] as T);
  }
  return out;
}

/** `reduce` with an initial value; without one it is the first element, and `from` is 1. */
function fold<T, U>(a: readonly T[], f: (state: U, x: T, i: number, a: readonly T[]) => U, initial: U, from: number): U {
  const n = a.length;
  let state = initial;
  for (let i = from; i < n; i++) state = f(state, a[i] as T, i, a);
  return state;
}

function foldRight<T, U>(a: readonly T[], f: (state: U, x: T, i: number, a: readonly T[]) => U, initial: U, skipped: number): U {
  let state = initial;
  for (let i = a.length - 1 - skipped; i >= 0; i--) state = f(state, a[i] as T, i, a);
  return state;
}

function some<T>(a: readonly T[], f: Test<T>): boolean {
  const n = a.length;
  for (let i = 0; i < n; i++) if (f(a[i] as T, i, a)) return true;
  return false;
}

function every<T>(a: readonly T[], f: Test<T>): boolean {
  const n = a.length;
  for (let i = 0; i < n; i++) if (!f(a[i] as T, i, a)) return false;
  return true;
}

function find<T>(a: readonly T[], f: Test<T>): T | undefined {
  const n = a.length;
  for (let i = 0; i < n; i++) {
    const x = a[i] as T;
    if (f(x, i, a)) return x;
  }
  return undefined;
}

function findIndex<T>(a: readonly T[], f: Test<T>): number {
  const n = a.length;
  for (let i = 0; i < n; i++) if (f(a[i] as T, i, a)) return i;
  return -1;
}

function findLast<T>(a: readonly T[], f: Test<T>): T | undefined {
  for (let i = a.length - 1; i >= 0; i--) {
    const x = a[i] as T;
    if (f(x, i, a)) return x;
  }
  return undefined;
}

function findLastIndex<T>(a: readonly T[], f: Test<T>): number {
  for (let i = a.length - 1; i >= 0; i--) if (f(a[i] as T, i, a)) return i;
  return -1;
}

function entries<T>(a: readonly T[]): [number, T][] {
  const out: [number, T][] = [];
  for (let i = 0; i < a.length; i++) out.push([i, a[i] as T]);
  return out;
}

function keys<T>(a: readonly T[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < a.length; i++) out.push(i);
  return out;
}

/** A place as JavaScript counts it: from the end where it is negative, within the array. */
function placeIn(given: number, length: number): number {
  const at = Math.trunc(given) || 0;
  return at < 0 ? Math.max(0, length + at) : Math.min(at, length);
}

function includes<T>(a: readonly T[], v: T, from = 0): boolean {
  // biome-ignore lint/suspicious/noSelfCompare: by which NaN is found
  for (let i = placeIn(from, a.length); i < a.length; i++) if (a[i] === v || (a[i] !== a[i] && v !== v)) return true;
  return false;
}

function indexOf<T>(a: readonly T[], v: T, from = 0): number {
  for (let i = placeIn(from, a.length); i < a.length; i++) if (a[i] === v) return i;
  return -1;
}

function lastIndexOf<T>(a: readonly T[], v: T): number {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] === v) return i;
  return -1;
}

function slice<T>(a: readonly T[], from = 0, to = a.length): T[] {
  const out: T[] = [];
  const end = placeIn(to, a.length);
  for (let i = placeIn(from, a.length); i < end; i++) out.push(a[i] as T);
  return out;
}

function concat<T>(a: readonly T[], b: readonly T[]): T[] {
  const out: T[] = [];
  for (let i = 0; i < a.length; i++) out.push(a[i] as T);
  for (let i = 0; i < b.length; i++) out.push(b[i] as T);
  return out;
}

function toReversed<T>(a: readonly T[]): T[] {
  const out: T[] = [];
  for (let i = a.length - 1; i >= 0; i--) out.push(a[i] as T);
  return out;
}

/** With `count` elements from `start` on exchanged for others. */
function toSpliced<T>(a: readonly T[], start: number, count: number, items: readonly T[]): T[] {
  const out: T[] = [];
  const from = placeIn(start, a.length);
  for (let i = 0; i < from; i++) out.push(a[i] as T);
  for (let i = 0; i < items.length; i++) out.push(items[i] as T);
  for (let i = from + Math.max(0, Math.trunc(count) || 0); i < a.length; i++) out.push(a[i] as T);
  return out;
}

function filled<T>(a: readonly T[], v: T, from = 0, to = a.length): T[] {
  const out: T[] = [];
  const start = placeIn(from, a.length);
  const end = placeIn(to, a.length);
  for (let i = 0; i < a.length; i++) out.push(i >= start && i < end ? v : (a[i] as T));
  return out;
}

/** Merging runs of growing length, from the bottom: stable, n log n comparisons. */
function toSorted<T>(a: readonly T[], compare: (p: T, q: T) => number): T[] {
  const n = a.length;
  let places: number[] = [];
  for (let i = 0; i < n; i++) places.push(i);
  for (let width = 1; width < n; width = width * 2) {
    const merged: number[] = [];
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(start + 2 * width, n);
      let i = start;
      let j = middle;
      while (i < middle || j < end) {
        const takesLeft = j >= end || (i < middle && !(compare(a[places[i] as number] as T, a[places[j] as number] as T) > 0));
        if (takesLeft) merged.push(places[i++] as number);
        else merged.push(places[j++] as number);
      }
    }
    places = merged;
  }
  const out: T[] = [];
  for (let i = 0; i < n; i++) out.push(a[places[i] as number] as T);
  return out;
}

function maximumOf(a: readonly number[]): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < a.length; i++) most = Math.max(most, a[i] as number);
  return most;
}

function minimumOf(a: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) least = Math.min(least, a[i] as number);
  return least;
}

function hypotOf(a: readonly number[]): number {
  let length = 0;
  // The length of nothing has no derivative, and zeros add nothing to it.
  for (let i = 0; i < a.length; i++) if (a[i] !== 0) length = Math.hypot(length, a[i] as number);
  return length;
}

/** Control flow as functions, of core/ops: statements of the language. */
function cond<T>(condition: unknown, consequent: () => T, otherwise: () => T): T {
  return condition ? consequent() : otherwise();
}

/** The whole number of 32 bits, with a sign, that operators on bits take a number for (ECMAScript 7.1.6). */
function int32(x: number): number {
  const t = Math.trunc(x) % 4294967296;
  if (t >= 2147483648) return t - 4294967296;
  if (t < -2147483648) return t + 4294967296;
  return Math.abs(t) > 0 ? t : 0;
}

/** The lowest bits of a number, as many as `size`, a power of two up to 2 ** 32, has values. */
function lowBits(x: number, size: number): number {
  const t = Math.trunc(x) % size;
  if (t > 0) return t;
  return t < 0 ? t + size : 0;
}

function whileLoop<S>(test: (state: S) => unknown, body: (state: S) => S, initial: S): S {
  let state = initial;
  while (test(state)) state = body(state);
  return state;
}

function switchCase<T>(index: number, branches: readonly (() => T)[], otherwise: () => T): T {
  for (let i = 0; i < branches.length; i++) if (index === i) return (branches[i] as () => T)();
  return otherwise();
}

export const library = {
  concat,
  cond,
  entries,
  every,
  filled,
  filter,
  find,
  findIndex,
  findLast,
  findLastIndex,
  flat,
  flatMap,
  fold,
  foldRight,
  forEach,
  hypotOf,
  includes,
  indexOf,
  int32,
  keys,
  lastIndexOf,
  lowBits,
  map,
  maximumOf,
  minimumOf,
  placeIn,
  slice,
  some,
  switchCase,
  toReversed,
  toSorted,
  toSpliced,
  whileLoop,
};

/** The classes of errors that programs may throw, catch and extend. */
export const ERRORS = ["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError"] as const;

const errors = ERRORS.map((name) =>
  name === "Error"
    ? `class Error {
        constructor(message, options) {
          this.message = message === undefined ? "" : \`\${message}\`;
          this.name = "Error";
          if (options !== undefined && "cause" in options) this.cause = options.cause;
        }
      }`
    : `class ${name} extends Error { constructor(message, options) { super(message, options); this.name = "${name}"; } }`,
);

/** The text of a module that declares the library. */
export const LIBRARY_SOURCE = [...errors, ...Object.values(library)].join("\n");
