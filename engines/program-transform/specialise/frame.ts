/**
 * Frames: one builder per arm, body or function under construction. A node of an enclosing frame that is used inside becomes a
 * parameter there, once, so that graphs come out closed.
 */
import { assert } from "../../../core/base/errors.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { Builder, openGraph } from "../ir/build.ts";
import type { Node } from "../ir/graph.ts";
import { type Type, UNIT } from "../ir/type.ts";

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

  /** Whether a condition is known here, as a node of any enclosing frame. */
  truthOf(condition: Node): boolean | undefined {
    if (condition.op === "const") return Boolean(condition.value);
    for (let f: Frame | undefined = this; f !== undefined; f = f.parent) {
      const truth = f.known.get(condition);
      if (truth !== undefined) return truth;
    }
    return undefined;
  }
}

const owner = new WeakMap<Node, Frame>();
