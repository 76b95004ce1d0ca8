/**
 * The debugger's hook. A run that is watched computes its nodes one by one, as the program wrote them, neither optimised nor fused: so
 * each value there is can be looked at, and the first one that is no number can be named with its line, what it was computed of, and
 * the last value before that was sound. Runs that are not watched pay nothing.
 */
import { BenchError } from "../../../core/base/errors.ts";
import { type Span, showSpan } from "../../../core/base/span.ts";
import { Tensor } from "../../../core/tensor/tensor.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import type { Watching } from "../../engine.ts";
import type { List } from "../execute/lists.ts";
import type { Observer } from "../execute/load.ts";
import type { Node } from "../graph.ts";
import { aboutOf, kindOf, nameOf, spanOf } from "../origin.ts";
import { Loops } from "./loops.ts";
import { showPosition, showValue, summarise, valuesOf } from "./summary.ts";

/** Words of a glob as an expression: `*` within a part of a name, `**` across parts. */
function matcher(pattern: RegExp | string): (name: string) => boolean {
  if (pattern instanceof RegExp) return (name) => name.search(pattern) >= 0;
  const words = pattern.split(/(\*\*|\*)/).map((word) => {
    if (word === "**") return ".*";
    return word === "*" ? "[^/]*" : word.replace(/[\\^$+?.()|[\]{}]/g, "\\$&");
  });
  const whole = new RegExp(`^${words.join("")}$`);
  return (name) => whole.test(name);
}

/** Watches runs of one graph, as `watching` says for each run. */
export class Watcher implements Observer {
  private readonly loops = new Loops();
  private watching: Watching = {};
  private healthy: Node | undefined;
  private readonly matches = new Map<Node, boolean>();

  readonly enter = this.loops.enter;
  readonly turn = this.loops.turn;
  readonly leave = this.loops.leave;

  begin(watching: Watching): void {
    this.watching = watching;
    this.loops.reset();
    this.healthy = undefined;
    this.matches.clear();
  }

  readonly see = (n: Node, outputs: readonly (Value | List)[], inputs: readonly (Value | List)[]): void => {
    // Elements of lists have been seen before they were pushed; of what is unset there is nothing to see.
    for (const value of outputs) if (typeof value === "number" || value instanceof Tensor) this.look(n, value, inputs);
  };

  private look(n: Node, value: number | Tensor, inputs: readonly (Value | List)[]): void {
    const { stopOn, watch } = this.watching;
    if (watch !== undefined && this.isWatched(n, watch.pattern)) {
      const values = valuesOf(value);
      const about = aboutOf(n);
      const turns = this.loops.turns;
      const text = `${nameOf(n)}${showTurns(turns)}: ${showValue(value)}`;
      watch.onValue({
        name: nameOf(n),
        span: spanOf(n),
        about,
        turns,
        shape: value instanceof Tensor ? value.shape : undefined,
        values,
        text,
      });
    }
    if (stopOn === undefined) return;
    const { nan, infinite } = summarise(valuesOf(value));
    if (nan === 0 && (stopOn === "nan" || infinite === 0)) this.healthy = n;
    else throw this.broken(n, value, inputs);
  }

  private isWatched(n: Node, pattern: RegExp | string): boolean {
    let is = this.matches.get(n);
    if (is === undefined) {
      is = matcher(pattern)(nameOf(n));
      this.matches.set(n, is);
    }
    return is;
  }

  /** The first value of a run that is not what it should be. */
  private broken(n: Node, value: number | Tensor, inputs: readonly (Value | List)[]): BenchError {
    const { nan, elements, firstBad } = summarise(valuesOf(value));
    const where = value instanceof Tensor && elements > 1 ? `, first at ${showPosition(firstBad, value.shape)}` : "";
    const what = nan > 0 ? "NaN" : "an infinity";
    const about = aboutOf(n);
    const lines = [
      n.op === "parameter" ? `${nameOf(n)} is given ${what}${where}` : `${kindOf(n)} gives ${what}${where}`,
      `  node: ${nameOf(n)}${showTurns(this.loops.turns)}`,
      ...(about === undefined ? [] : [`  a part of the derivative of: ${about}`]),
      `  value: ${showValue(value)}`,
      ...inputs.map((x, i) => {
        const from = n.inputs[i]?.node;
        const shown = x === undefined ? "unset" : showValue(x as number | Tensor | List);
        return `  input ${i}: ${from === undefined || from.op === "constant" ? "constant" : nameOf(from)}, ${shown}`;
      }),
      ...(this.healthy === undefined ? [] : [`  last sound value before: ${nameOf(this.healthy)}${showPlace(spanOf(this.healthy))}`]),
    ];
    return new BenchError("runtime", lines.join("\n"), { span: spanOf(n), advice: "the run was stopped at the first such value" });
  }
}

function showTurns(turns: Loops["turns"]): string {
  return turns.map(({ loop, turn }) => `, turn ${turn} of ${loop}`).join("");
}

function showPlace(span: Span | undefined): string {
  return span === undefined ? "" : ` (${showSpan(span)})`;
}
