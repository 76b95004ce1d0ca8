/**
 * What is known of arguments goes into arms and bodies: a constant in place of a parameter, one parameter where two are given the same
 * value, and in the arms of an `if` the condition itself. Of a loop, two carried values that begin as one and move alike are one.
 *
 *     if(c; x, 1, c): x · p₁ + f(p₂) | …       →      if(c; x): x + f(true) | …
 *     loop(i, a, b) with a = b = [] and the same push to both      →      loop(i, a)
 */
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, makeIf, makeLoop } from "../ir/extract.ts";
import { type Graph, hasControlFlow, type LoopNode, type Node } from "../ir/graph.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

export function knownArguments(graph: Graph, visit: Visit): Graph {
  if (!hasControlFlow(graph)) return graph;
  return rebuildGraph(graph, visit, (build, n, at) => {
    if (n.op !== "if" && n.op !== "loop") return undefined;
    const args = n.args.map((a) => at.get(a) as Node);
    if (n.op === "loop") return smallerLoop(build, n, args, visit);
    const [condition, ...given] = args as [Node, ...Node[]];
    const arm = (g: Graph, holds: boolean) =>
      visit.inner(
        replaced(
          g,
          given.map((a, i) => (a === condition ? holds : known(given, i))),
        ),
      );
    return makeIf(build, condition, arm(n.consequent, true), arm(n.otherwise, false), given);
  });
}

/** What stands for a parameter: another one, a constant, or itself. */
type Stand = number | Node | boolean | undefined;

/** What is known of argument i: its constant, or an argument before it that is the same. */
function known(args: readonly Node[], i: number): Stand {
  const a = args[i] as Node;
  const first = args.indexOf(a);
  return a.op === "const" ? a : first < i ? first : undefined;
}

/** The graph, of the same parameters, with some of them not read. */
function replaced(graph: Graph, stands: readonly Stand[]): Graph {
  if (stands.every((s) => s === undefined)) return graph;
  const open = openGraph(
    graph.name,
    graph.params.map((p) => p.type),
    graph.resultType,
    graph.span,
  );
  const build = new Builder();
  const stand = (s: Stand, i: number): Node => {
    if (typeof s === "boolean") return build.constant(s);
    if (typeof s === "object") return build.constant(s.op === "const" ? s.value : null);
    return open.params[s ?? i] as Node;
  };
  const done = new Map(graph.params.map((p, i) => [p, stand(stands[i], i)]));
  return closeGraph(open, copyInto(build, [graph.result as Node], done)[0] as Node);
}

function smallerLoop(build: Builder, n: LoopNode, args: readonly Node[], visit: Visit): Node {
  const { carried } = n;
  const first = equalCarried(n, args);
  const invariants = args.slice(carried);
  const stands = args.map((_, i): Stand => {
    if (i < carried) return first[i] === i ? undefined : first[i];
    const s = known(invariants, i - carried);
    return typeof s === "number" ? s + carried : s;
  });
  const test = visit.inner(replaced(n.test, stands));
  const body = visit.inner(replaced(n.body, stands));
  const end = makeLoop(build, test, body, args.slice(0, carried), invariants);
  if (first.every((f, i) => f === i)) return end;
  return build.tuple(first.map((f) => build.get(end, f)));
}

/** For each carried value, the first that is always equal to it: the coarsest classes that a turn keeps. */
function equalCarried({ body, carried }: LoopNode, args: readonly Node[]): number[] {
  let classes = Array.from({ length: carried }, (_, i) => args.indexOf(args[i] as Node));
  for (;;) {
    if (classes.every((c, i) => c === i)) return classes;
    const build = new Builder();
    const { params } = openGraph(
      body.name,
      body.params.map((p) => p.type),
      body.resultType,
    );
    const done = new Map(body.params.map((p, i) => [p, params[classes[i] ?? i] as Node]));
    const [result] = copyInto(build, [body.result as Node], done) as [Node];
    if (result.op === "fail") return classes;
    const next = classes.map((_, i) => build.get(result, i));
    const before = classes;
    const finer = before.map((c, i) => before.findIndex((d, j) => d === c && next[j] === next[i]));
    if (finer.every((c, i) => c === before[i])) return finer;
    classes = finer;
  }
}
