/**
 * Frames: one builder per arm, body or function under construction. A node of an enclosing frame that is used inside becomes a
 * parameter there, once, so that graphs come out closed.
 */
import { assert } from "../../../core/base/errors.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { Builder, openGraph } from "../ir/build.ts";
import type { Node } from "../ir/graph.ts";
import { BOOL, type Type, UNIT } from "../ir/type.ts";

export class Frame {
  readonly build = new Builder();
  readonly parent: Frame | undefined;
  /** Conditions that are known here, by the node of the frame that they belong to. */
  readonly known = new Map<Node, boolean>();
  /** Nodes of enclosing frames, and the parameters that stand for them here. */
  readonly imports = new Map<Node, Node>();
  private readonly own = new WeakSet<Node>();

  constructor(parent: Frame | undefined) {
    this.parent = parent;
  }

  /** A node that belongs here. */
  mine(node: Node): Node {
    this.own.add(node);
    owner.set(node, this);
    return node;
  }

  /** A parameter of a type. */
  param(type: Type): Node {
    return this.mine(openGraph("", [type], UNIT).params[0] as Node);
  }

  /** The node as it is known here. */
  local(node: Node): Node {
    if (node.op === "const") return this.mine(this.build.constant(node.value));
    if (this.own.has(node)) return node;
    const known = this.imports.get(node);
    if (known !== undefined) return known;
    assert(this.parent && this.isOuter(node), "a value is used outside the arm that computes it");
    // The enclosing frame has to have it as well.
    this.parent.local(node);
    const param = this.param(node.type);
    this.imports.set(node, param);
    origin.set(param, node);
    return param;
  }

  owns(node: Node): boolean {
    return this.own.has(node);
  }

  private isOuter(node: Node): boolean {
    const home = owner.get(node);
    for (let f = this.parent; f !== undefined; f = f.parent) if (f === home) return true;
    return false;
  }

  apply(primitive: AnyPrimitive, args: readonly Node[], params: unknown): Node {
    return this.made((b) =>
      b.apply(
        primitive,
        args.map((a) => this.local(a)),
        params,
      ),
    );
  }

  /** A node made by the builder of nodes that are local already. */
  made(make: (build: Builder) => Node): Node {
    return this.mine(make(this.build));
  }

  /** Notes that a condition holds here, or does not, and what follows from it. */
  learn(given: Node, truth: boolean): void {
    const [condition, isNegated] = plainCondition(given);
    const value = truth !== isNegated;
    if (condition.op === "const" || this.known.has(condition)) return;
    this.known.set(condition, value);
    const meaning = meanings.get(condition);
    if (meaning !== undefined) this.understand(meaning, value);
    for (let f: Frame | undefined = this; f !== undefined; f = f.parent)
      for (const later of f.pending) if (later.meaning.condition === condition) this.learn(later.meaning.sides[value ? 0 : 1], later.value);
  }

  /** Of truth values that are known, and whose meaning says more when their condition becomes known. */
  private readonly pending: { readonly meaning: Meaning; readonly value: boolean }[] = [];

  /** `c ? x : false` is true: c holds, and x. The other three alike. */
  private understand(meaning: Meaning, value: boolean): void {
    const [x, y] = meaning.sides;
    const [isOutX, isOutY] = [x, y].map((side) => side.op === "const" && side.value !== value);
    if (isOutX) {
      this.learn(meaning.condition, false);
      this.learn(y, value);
    } else if (isOutY) {
      this.learn(meaning.condition, true);
      this.learn(x, value);
    } else this.pending.push({ meaning, value });
  }

  /** Whether a condition is known here, as a node of any enclosing frame. */
  truthOf(given: Node): boolean | undefined {
    if (given.op === "const") return Boolean(given.value);
    const [condition, isNegated] = plainCondition(given);
    if (isNegated) {
      const truth = this.truthOf(condition);
      return truth === undefined ? undefined : !truth;
    }
    for (let f: Frame | undefined = this; f !== undefined; f = f.parent) {
      const truth = f.known.get(condition);
      if (truth !== undefined) return truth;
    }
    return undefined;
  }
}

interface Meaning {
  readonly condition: Node;
  readonly sides: readonly [Node, Node];
}

const meanings = new WeakMap<Node, Meaning>();

/** Notes what a truth value that two arms gave was in each of them. */
export function noteMeaning(result: Node, condition: Node, sides: readonly [Node | undefined, Node | undefined]): void {
  const [x, y] = sides;
  if (result.type === BOOL && x !== undefined && y !== undefined) meanings.set(result, { condition, sides: [x, y] });
}

const owner = new WeakMap<Node, Frame>();
/** Of a parameter that stands for a node of an enclosing frame: that node. */
const origin = new WeakMap<Node, Node>();

/** A condition without negations, as the node of the frame that it comes from. */
export function plainCondition(condition: Node): readonly [Node, boolean] {
  let node = condition;
  let isNegated = false;
  for (;;) {
    const outer = origin.get(node);
    if (outer !== undefined) node = outer;
    else if (node.op === "apply" && node.primitive === (primitives.logicalNot as AnyPrimitive)) {
      node = node.args[0] as Node;
      isNegated = !isNegated;
    } else return [node, isNegated];
  }
}
