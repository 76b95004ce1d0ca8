/**
 * Sums as wholes: trees of additions of tensors of one shape and dtype whose partial sums nothing else reads, as they stand before a pass
 * rebuilds the program. A pass that joins terms sees all of them at once, so that a sum of n terms costs it O(n), however it is nested.
 */
import { primitives as p } from "../primitives/table.ts";
import { type Node, nodesOf, type Program, type Value } from "./program.ts";

export interface Term {
  readonly value: Value;
  /** The addition that takes it in. */
  readonly at: Node;
  /** Nothing else reads it. */
  readonly isOnly: boolean;
}

export interface WholeSum {
  /** The last addition. */
  readonly root: Node;
  /** From left to right, those of the root's aval and others, which are broadcast or converted. */
  readonly terms: readonly Term[];
}

/** Every sum of a program, terms before those that add them. O(nodes). */
export function sumsOf(program: Program): WholeSum[] {
  const nodes = nodesOf(program);
  const uses = new Map<Value, number>();
  const user = new Map<Value, Node>();
  for (const v of program.outputs) uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const node of nodes) {
    for (const a of node.args) {
      uses.set(a, (uses.get(a) ?? 0) + 1);
      user.set(a, node);
    }
  }
  const isPartial = (v: Value): boolean => {
    const reader = user.get(v);
    if (v.kind !== "node" || v.primitive !== p.add || v.after !== undefined || uses.get(v) !== 1) return false;
    return reader?.primitive === p.add && reader.aval === v.aval;
  };
  return nodes
    .filter((n) => n.primitive === p.add && !isPartial(n))
    .map((root) => {
      const terms: Term[] = [];
      const termOf = (at: Node) => (value: Value) => ({ value, at, isOnly: uses.get(value) === 1 });
      const stack = root.args.map(termOf(root)).reverse();
      for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
        if (isPartial(t.value)) stack.push(...(t.value as Node).args.map(termOf(t.value as Node)).reverse());
        else terms.push(t);
      }
      return { root, terms };
    });
}
