/**
 * Walking arguments and gradients: numbers and tensors inside arrays and records. The depth is the user's choice (a list built
 * from nested pairs), so the walks keep their own stack. Leaves come in a fixed order: array order, then the record's key order.
 */
import { mismatch } from "../core/base/errors.ts";

export type Leaf = { readonly path: string; readonly value: unknown };

/** Every value that is neither an array nor a plain record, with its path (`layers[0].w`; empty at the root). */
export function leavesOf(tree: unknown): Leaf[] {
  const leaves: Leaf[] = [];
  const stack: Leaf[] = [{ path: "", value: tree }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const children = childrenOf(top.value);
    if (children === null) leaves.push(top);
    else
      for (let i = children.length - 1; i >= 0; i--) {
        const [key, value] = children[i] as readonly [string | number, unknown];
        stack.push({ path: join(top.path, key), value });
      }
  }
  return leaves;
}

/** The same structure with every leaf replaced. */
export function mapLeaves(tree: unknown, replace: (value: unknown, path: string) => unknown): unknown {
  const holder: { root: unknown } = { root: undefined };
  const stack: { path: string; value: unknown; into: Record<string | number, unknown>; key: string | number }[] = [
    { path: "", value: tree, into: holder, key: "root" },
  ];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const children = childrenOf(top.value);
    if (children === null) {
      top.into[top.key] = replace(top.value, top.path);
      continue;
    }
    // Keys are created first: in order, which callers see, and as the record's own, which an assignment to `__proto__` would not be.
    const copy: Record<string | number, unknown> = Array.isArray(top.value)
      ? (new Array<unknown>(children.length) as unknown as Record<number, unknown>)
      : Object.fromEntries(children.map(([key]) => [key, undefined]));
    top.into[top.key] = copy;
    for (let i = children.length - 1; i >= 0; i--) {
      const [key, value] = children[i] as readonly [string | number, unknown];
      stack.push({ path: join(top.path, key), value, into: copy, key });
    }
  }
  return holder.root;
}

/** Leaves of two trees side by side. Throws naming the path where the structures part. */
export function pairLeaves(a: unknown, b: unknown, what: string): { path: string; left: unknown; right: unknown }[] {
  const left = leavesOf(a);
  const right = leavesOf(b);
  const n = Math.max(left.length, right.length);
  for (let i = 0; i < n; i++) {
    const l = left[i]?.path;
    const r = right[i]?.path;
    if (l !== r) throw mismatch(`${what} are not shaped alike: ${l ?? "nothing"} stands where the other has ${r ?? "nothing"}`);
  }
  return left.map((leaf, i) => ({ path: leaf.path, left: leaf.value, right: (right[i] as Leaf).value }));
}

/** Children of an array or plain record; null for everything else (tensors and traced values are class instances). */
function childrenOf(value: unknown): (readonly [string | number, unknown])[] | null {
  if (Array.isArray(value)) return value.map((child, i) => [i, child] as const);
  if (typeof value !== "object" || value === null) return null;
  const prototype = Object.getPrototypeOf(value) as unknown;
  if (prototype !== Object.prototype && prototype !== null) return null;
  return Object.entries(value);
}

function join(path: string, key: string | number): string {
  return typeof key === "number" ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
}
