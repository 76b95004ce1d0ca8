/**
 * Where nodes come from: a name that stays through all passes, what a part of a derivative is the derivative of, and the place in the
 * user's program. Building a graph notes no places: that costs more than building it. Who asks for one has the program run again, with
 * the stack of each node noted, and finds the node by its name.
 */
import type { Span } from "../../core/base/span.ts";
import { placeOnStack, STACK_DEPTH } from "../places.ts";
import type { Graph, Node } from "./graph.ts";

/** Of a node that no user's line made by itself. */
export interface Origin {
  /** The node of a graph as built that this one stands for, unchanged or in another form. */
  readonly copyOf?: Node;
  /** Which turn of an unrolled loop it is, `2.0` of loops in loops; empty elsewhere. */
  readonly turn?: string;
  /** What it is a part of the derivative of. */
  readonly about?: Node;
  /** What a saved graph says. */
  readonly saved?: { readonly name: string; readonly span: Span | undefined; readonly about: string | undefined };
}

let current: Origin | undefined;
let turn = "";
let names = "";
let watcher: ((made: Node) => void) | undefined;

/** Called for each node that is made; its origin. Parameters of graphs inside others stand for nothing outside of these. */
export function originOf(made: Node): Origin | undefined {
  if (made.op === "parameter" && (made.graph.owner !== undefined || made.graph.types !== undefined)) return undefined;
  if (watcher !== undefined && current === undefined) watcher(made);
  return current;
}

/** The nodes that `body` makes come from there. */
export function from<T>(origin: Origin | undefined, body: () => T): T {
  const before = current;
  current = origin;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** Nodes that are made from now on stand for this one; what was before, for `endCopy`. Whoever builds a graph anew uses `from` around. */
export function beginCopy(n: Node): Origin | undefined {
  const before = current;
  const { origin } = n;
  const own = origin?.turn ?? "";
  const at = turn === "" ? own : own === "" ? turn : `${turn}.${own}`;
  current = origin?.copyOf !== undefined && at === own ? origin : { copyOf: origin?.copyOf ?? n, ...(at === "" ? {} : { turn: at }) };
  return before;
}
export function endCopy(before: Origin | undefined): void {
  current = before;
}

/** Copies that `body` makes belong to this turn of a loop. */
export function inTurn<T>(t: number, body: () => T): T {
  const before = turn;
  turn = String(t);
  try {
    return body();
  } finally {
    turn = before;
  }
}

/** Runs `body` with the nodes that it adds known under a name, below the names around, or exactly so where it begins with a slash. */
export function named<T>(name: string, body: () => T): T {
  const before = names;
  names = name.startsWith("/") ? name.slice(1) : before === "" ? name : `${before}/${name}`;
  try {
    return body();
  } finally {
    names = before;
  }
}

export function currentScope(): string {
  return names;
}

/** The node of the graph as built that a node stands for. */
export function builtNode(n: Node): Node {
  return n.origin?.copyOf ?? n;
}

/** `layer/while_12/body/log_3`; `@4` behind it is the turn of an unrolled loop. */
export function nameOf(n: Node): string {
  const built = builtNode(n);
  const suffix = n.origin?.turn === undefined ? "" : `@${n.origin.turn}`;
  const saved = built.origin?.saved;
  if (saved !== undefined) return saved.name + suffix;
  const { graph, scope, number } = built;
  const { owner } = graph;
  if (owner === undefined && graph.types === undefined && built.op === "parameter" && scope !== "") return scope;
  const parts: string[] = graph.types === undefined ? [] : [graph.name];
  let own = scope;
  if (owner !== undefined) {
    const around = builtNode(owner).scope;
    if (own === around) own = "";
    else if (around !== "" && own.startsWith(`${around}/`)) own = own.slice(around.length + 1);
    parts.push(nameOf(owner), graph.name);
  }
  if (own !== "") parts.push(own);
  parts.push(`${kindOf(built)}_${number}`);
  return parts.join("/") + suffix;
}

/** What a node does, in a word. */
export function kindOf({ operation }: Node): string {
  return operation.op === "apply" ? operation.primitive.name : operation.op;
}

/** The name of what a node is a part of the derivative of, that of the derivative of a derivative too. */
export function aboutOf(n: Node): string | undefined {
  const { origin } = builtNode(n);
  return origin?.about === undefined ? origin?.saved?.about : nameOf(origin.about);
}

/** The node that the user's program made: of a part of a derivative, what it is the derivative of. */
export function writtenNode(n: Node): Node {
  let at = builtNode(n);
  for (let about = at.origin?.about; about !== undefined; about = at.origin?.about) at = builtNode(about);
  return at;
}

/** The place in the user's program. */
export function spanOf(n: Node): Span | undefined {
  const at = writtenNode(n);
  if (at.origin?.saved !== undefined) return at.origin.saved.span;
  return outermost(at.graph).places?.of(at);
}

/** The graph that is in no other. */
export function outermost(graph: Graph): Graph {
  let at = graph;
  while (at.owner !== undefined) at = at.owner.graph;
  return at;
}

/** The places of the nodes of a graph, which `build` builds again. */
export class Places {
  private readonly build: () => unknown;
  private found: ReadonlyMap<string, Span> | undefined;

  constructor(build: () => unknown) {
    this.build = build;
  }

  /** Undefined where the program does not make this node again. */
  of(node: Node): Span | undefined {
    this.found ??= this.find();
    return this.found.get(nameOf(node));
  }

  private find(): ReadonlyMap<string, Span> {
    const spans = new Map<string, Span>();
    const known = new Map<string, Span | undefined>();
    for (const { node, at } of notingStacks(() => from(undefined, this.build))) {
      const span = placeOnStack(at.stack, known);
      if (span !== undefined) spans.set(nameOf(node), span);
    }
    return spans;
  }
}

/** The nodes that `body` makes by a user's line, each with its stack, which is made a text of when that is read. */
export function notingStacks(body: () => unknown): readonly { readonly node: Node; readonly at: { stack?: string } }[] {
  const made: { readonly node: Node; readonly at: { stack?: string } }[] = [];
  const [before, limit] = [watcher, Error.stackTraceLimit];
  watcher = (node) => {
    const at: { stack?: string } = {};
    Error.stackTraceLimit = STACK_DEPTH;
    Error.captureStackTrace(at, originOf);
    made.push({ node, at });
  };
  try {
    body();
  } finally {
    watcher = before;
    Error.stackTraceLimit = limit;
  }
  return made;
}
