/**
 * The globals of JavaScript that would lose a derivative without a word, replaced: constructors that would take a traced number
 * for an object (`Array(n)`, `Boolean(x)`), collections that would key by identity, tests that would see no number. Everything
 * else about them is JavaScript's own, through a proxy.
 */
import { type BenchError, unsupported } from "../core/base/errors.ts";
import { indexRefused, isCarried, notReadBack, operand, plain, show } from "./coerce.ts";
import type { REPLACED } from "./globals.ts";
import { math } from "./math.ts";
import { truth } from "./operators.ts";

interface Replacement {
  readonly call?: (...args: unknown[]) => unknown;
  /** Checks the arguments of `new`. */
  readonly construct?: (args: readonly unknown[]) => void;
  readonly members?: Readonly<Record<string, unknown>>;
}

// biome-ignore lint/complexity/noBannedTypes: any constructor of the language
function replace(native: Function, { call, construct, members = {} }: Replacement): unknown {
  return new Proxy(native, {
    apply: (target, self, args) => (call ? call(...args) : Reflect.apply(target, self, args)),
    construct: (target, args, newTarget) => {
      construct?.(args);
      return Reflect.construct(target, args, newTarget) as object;
    },
    get: (target, name) => (typeof name === "string" && Object.hasOwn(members, name) ? members[name] : Reflect.get(target, name)),
  });
}

const isNumberLike = (x: unknown): boolean => typeof x === "number" || isCarried(x);
const number = (x: unknown): unknown => plain(x, "a number");
/** Without coercion, as the tests of `Number` are. */
const strict = (test: (x: number) => boolean) => (x: unknown) => isNumberLike(x) && test(number(x) as number);
/** With coercion, as the global tests are. */
const loose = (test: (x: number) => boolean) => (x: unknown) => test(number(operand(x)) as number);

/** A traced number is its own text read back; other things are read as JavaScript does. */
const parseFloatOf = (x: unknown): unknown => {
  if (isCarried(x)) return x;
  if (typeof x === "string") notReadBack(x);
  return Number.parseFloat(x as string);
};
const parseIntOf = (x: unknown, radix?: unknown): number => Number.parseInt(String(show(x)), radix as number);

const numberConstructor = replace(Number, {
  call: (...args) => (args.length === 0 ? 0 : typeof args[0] === "bigint" ? Number(args[0]) : operand(args[0])),
  members: {
    isFinite: strict(Number.isFinite),
    isInteger: strict(Number.isInteger),
    isNaN: strict(Number.isNaN),
    isSafeInteger: strict(Number.isSafeInteger),
    parseFloat: parseFloatOf,
    parseInt: parseIntOf,
  },
});

const objectConstructor = replace(Object, { members: { is: (a: unknown, b: unknown) => Object.is(show(a), show(b)) } });

function refuseLength(args: readonly unknown[]): void {
  if (args.length > 0 && isCarried(args[0])) throw indexRefused(args[0]);
}

const arrayConstructor = replace(Array, {
  call: (...args) => {
    if (args.length === 1) refuseLength(args);
    return Reflect.construct(Array, args) as unknown[];
  },
  construct: (args) => {
    if (args.length === 1) refuseLength(args);
  },
  members: {
    from: (items: ArrayLike<unknown>, ...rest: [never]) => {
      if (typeof items === "object" && items !== null && !(Symbol.iterator in items) && isCarried((items as { length?: unknown }).length))
        throw indexRefused(items.length);
      return Array.from(items, ...rest);
    },
  },
});

function keyRefused(collection: string): BenchError {
  const advice = "use its text String(x) or Math.round(x) as the key, neither of which carries a derivative";
  return unsupported(`a number that is being differentiated is used as a key of a ${collection}, which compares keys by identity`, advice);
}
function keyed<T>(key: T, collection: string): T {
  if (isCarried(key)) throw keyRefused(collection);
  return key;
}

class PlainSet<T> extends Set<T> {
  override add(value: T): this {
    return super.add(keyed(value, "Set"));
  }
  override has(value: T): boolean {
    return super.has(keyed(value, "Set"));
  }
  override delete(value: T): boolean {
    return super.delete(keyed(value, "Set"));
  }
}

class PlainMap<K, V> extends Map<K, V> {
  override set(key: K, value: V): this {
    return super.set(keyed(key, "Map"), value);
  }
  override get(key: K): V | undefined {
    return super.get(keyed(key, "Map"));
  }
  override has(key: K): boolean {
    return super.has(keyed(key, "Map"));
  }
  override delete(key: K): boolean {
    return super.delete(keyed(key, "Map"));
  }
}

class PlainWeakSet<T extends WeakKey> extends WeakSet<T> {
  override add(value: T): this {
    return super.add(keyed(value, "WeakSet"));
  }
}

class PlainWeakMap<K extends WeakKey, V> extends WeakMap<K, V> {
  override set(key: K, value: V): this {
    return super.set(keyed(key, "WeakMap"), value);
  }
}

/** Traced numbers inside what is printed appear as their numbers. */
function shown(x: unknown, depth: number): unknown {
  if (isCarried(x)) return show(x);
  if (typeof x !== "object" || x === null || depth === 0) return x;
  if (Array.isArray(x)) return x.map((y) => shown(y, depth - 1));
  if (Object.getPrototypeOf(x) !== Object.prototype) return x;
  return Object.fromEntries(Object.entries(x).map(([k, y]) => [k, shown(y, depth - 1)]));
}
/** Programs print to standard error: standard output belongs to results. */
const print = (...args: unknown[]): void => console.error(...args.map((x) => shown(x, 8)));
const ignore = (): void => {};
const consoleObject = Object.freeze({
  log: print,
  info: print,
  debug: print,
  warn: print,
  error: print,
  table: print,
  trace: print,
  dir: print,
  assert: ignore,
  time: ignore,
  timeEnd: ignore,
  group: print,
  groupEnd: ignore,
});

const typedArray = (native: new (length: number) => object): unknown => replace(native, { construct: refuseLength });

export const builtins: Readonly<Record<(typeof REPLACED)[number], unknown>> = {
  Math: math,
  Number: numberConstructor,
  Object: objectConstructor,
  Array: arrayConstructor,
  Boolean: replace(Boolean, { call: (x) => truth(x), construct: refuseLength }),
  Set: PlainSet,
  Map: PlainMap,
  WeakSet: PlainWeakSet,
  WeakMap: PlainWeakMap,
  isNaN: loose(Number.isNaN),
  isFinite: loose(Number.isFinite),
  parseFloat: parseFloatOf,
  parseInt: parseIntOf,
  console: consoleObject,
  Float32Array: typedArray(Float32Array),
  Float64Array: typedArray(Float64Array),
  Int8Array: typedArray(Int8Array),
  Int16Array: typedArray(Int16Array),
  Int32Array: typedArray(Int32Array),
  Uint8Array: typedArray(Uint8Array),
  Uint8ClampedArray: typedArray(Uint8ClampedArray),
  Uint16Array: typedArray(Uint16Array),
  Uint32Array: typedArray(Uint32Array),
};
