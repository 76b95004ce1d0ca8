/** The derivative operators as graphs: what `grad` and its relatives in a program become. */
import { makeGraph } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { materialise } from "./cotangent.ts";
import { dual } from "./forward.ts";
import { joint } from "./reverse.ts";

/** `(x…) → (f(x…), ∂f/∂x_i…)` for the active parameters of a graph with a number as its result. */
export function valueAndGradient(graph: Graph, active: readonly boolean[]): Graph {
  return makeGraph(
    `${graph.name}∇`,
    graph.params.map((p) => p.type),
    (build, params) => {
      const { result, adjoints } = joint(build, graph, params, active, "all", () => build.constant(1));
      const chosen = params.flatMap((p, i) => (active[i] ? [materialise(build, adjoints[i], p)] : []));
      return build.tuple([result, ...chosen]);
    },
    graph.span,
  );
}

/** One derivative of `valueAndGradient` as a function of the same parameters, to be differentiated again. */
export function gradient(graph: Graph, parameter: number): Graph {
  return makeGraph(
    `${graph.name}′`,
    graph.params.map((p) => p.type),
    (build, params) => {
      const active = params.map((_, i) => i === parameter);
      const { adjoints } = joint(build, graph, params, active, "all", () => build.constant(1));
      return materialise(build, adjoints[parameter], params[parameter] as never);
    },
    graph.span,
  );
}

/** The derivative of a function of one number by forward mode, as a function of the same parameters. */
export function derivative(graph: Graph, parameter: number): Graph {
  return makeGraph(
    `${graph.name}̇`,
    graph.params.map((p) => p.type),
    (build, params) => {
      const tangents = params.map((_, i) => (i === parameter ? build.constant(1) : undefined));
      const { value, tangent } = dual(build, graph, params, tangents);
      return materialise(build, tangent, value);
    },
    graph.span,
  );
}
