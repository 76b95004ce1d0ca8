/**
 * Array methods that compare by identity, ask for truth, or take a number, on lists that may hold traced numbers. A call
 * `xs.filter(f)` is rewritten to `filter(xs, f)`; where `xs` turns out not to be an array, its own method is called.
 */
import { indexRefused, isCarried, plain, show } from "./coerce.ts";
import { truth } from "./operators.ts";

type Method = (receiver: unknown, ...args: unknown[]) => unknown;
type Callback = (this: unknown, ...args: unknown[]) => unknown;

/** The array's own method of this name; undefined where the receiver is no list or has another method. */
function listMethod(receiver: unknown, name: string): Callback | undefined {
  if (!Array.isArray(receiver) && !ArrayBuffer.isView(receiver)) return undefined;
  const method = (receiver as unknown as Record<string, Callback | undefined>)[name];
  return Array.isArray(receiver) && method !== (Array.prototype as unknown as Record<string, Callback>)[name] ? undefined : method;
}

function callOwn(receiver: unknown, name: string, args: unknown[]): unknown {
  if (receiver === null || receiver === undefined) throw new TypeError(`Cannot read properties of ${receiver} (reading '${name}')`);
  const method = (receiver as Record<string, unknown>)[name];
  if (typeof method !== "function") throw new TypeError(`${name} is not a function`);
  return Reflect.apply(method, receiver, args);
}

/** A method whose arguments are adapted where the receiver is a list. */
function adapting(
  name: string,
  adapt: (args: unknown[], receiver: unknown) => unknown[],
  view: (list: unknown) => unknown = (list) => list,
): Method {
  return (receiver, ...args) => {
    const method = listMethod(receiver, name);
    return method ? Reflect.apply(method, view(receiver), adapt(args, receiver)) : callOwn(receiver, name, args);
  };
}

/** The truth of what the callback returns is its number's. */
function predicate(callback: unknown): unknown {
  if (typeof callback !== "function") return callback;
  return function (this: unknown, element: unknown, i: unknown, list: unknown) {
    return truth((callback as Callback).call(this, element, i, list));
  };
}

function comparator(callback: unknown): unknown {
  if (typeof callback !== "function") return callback;
  return (a: unknown, b: unknown) => plain((callback as Callback)(a, b), "the result of a comparator");
}

function plainIndex(x: unknown): unknown {
  if (isCarried(x)) throw indexRefused(x);
  return x;
}

const testing = (name: string): Method => adapting(name, ([callback, ...rest]) => [predicate(callback), ...rest]);
const sorting = (name: string): Method =>
  adapting(name, ([callback, ...rest]) => (callback === undefined ? [] : [comparator(callback), ...rest]));
/** Elements are compared by their numbers; tensors by identity. */
const seeking = (name: string): Method =>
  adapting(
    name,
    ([element, ...from]) => [show(element), ...from.map(plainIndex)],
    (list) => (Array.isArray(list) && list.some(isCarried) ? list.map(show) : list),
  );
/** The arguments at `positions` are indices. */
const indexed = (name: string, positions: readonly number[]): Method =>
  adapting(name, (args) => args.map((x, i) => (positions.includes(i) ? plainIndex(x) : x)));

export const methods = {
  every: testing("every"),
  filter: testing("filter"),
  find: testing("find"),
  findIndex: testing("findIndex"),
  findLast: testing("findLast"),
  findLastIndex: testing("findLastIndex"),
  some: testing("some"),
  sort: sorting("sort"),
  toSorted: sorting("toSorted"),
  includes: seeking("includes"),
  indexOf: seeking("indexOf"),
  lastIndexOf: seeking("lastIndexOf"),
  at: indexed("at", [0]),
  copyWithin: indexed("copyWithin", [0, 1, 2]),
  fill: indexed("fill", [1, 2]),
  flat: indexed("flat", [0]),
  slice: indexed("slice", [0, 1]),
  splice: indexed("splice", [0, 1]),
  toSpliced: indexed("toSpliced", [0, 1]),
  with: indexed("with", [0]),
} satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;

/** Methods that use the truth of what their callback returns. */
export function isTest(name: MethodName): boolean {
  return /^(every|some|filter|find)/.test(name);
}

/** Methods of which only the arguments at these positions matter: where they are plain, the call stays as it is. */
export const INDEX_ARGUMENTS: Readonly<Partial<Record<MethodName, readonly number[]>>> = {
  at: [0],
  copyWithin: [0, 1, 2],
  fill: [1, 2],
  flat: [0],
  slice: [0, 1],
  splice: [0, 1],
  toSpliced: [0, 1],
  with: [0],
};

/** `xs.includes` read as a value: an overloaded function of `this`. */
export function method(receiver: unknown, name: MethodName): unknown {
  if (receiver === null || receiver === undefined) return callOwn(receiver, name, []);
  if (!listMethod(receiver, name)) return (receiver as Record<string, unknown>)[name];
  const own: Method = methods[name];
  return function (this: unknown, ...args: unknown[]) {
    return own(this, ...args);
  };
}

/** The call of a rewritten method in an optional chain: cut short where the receiver is missing. */
export function optional(receiver: unknown, own: Method, ...args: unknown[]): unknown {
  return receiver === null || receiver === undefined ? undefined : own(receiver, ...args);
}
