/**
 * A regression whose training breaks, and how the graph engine shows why: the step that gives NaN, the node and line where it arises,
 * a picture of the graph to look around in, and a timeline of one step.
 *
 *     npm run build
 *     node dist/examples/find-nan.js --out seen      # writes seen/graph.html and seen/trace.json
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BenchError } from "../core/base/errors.ts";
import { createTensor, log, matmul, mean, mul, scope, sub, type Tensor } from "../core/ops.ts";
import { Dataflow } from "../engines/graph/dataflow.ts";
import { chromeTrace } from "../engines/graph/observe/timeline.ts";
import { pictureOf } from "../engines/graph/picture.ts";
import { Session } from "../engines/graph/session.ts";
import { showPage } from "../engines/picture/page.ts";

/** Points whose rate grows with x: Poisson regression on the identity link, which lets a rate become negative. */
const X = [1, 2, 3, 4];
const COUNTS = [1, 3, 2, 5];

function regression() {
  return new Dataflow("rates", (g) => {
    const x = g.placeholder("x", "f64", ["points", 1]);
    const counts = g.placeholder("counts", "f64", ["points", 1]);
    const w = g.variable("w", () => createTensor([2.5], [1, 1], "f64"));
    const rate = g.scope("rate", () => matmul(x, w)) as Tensor;
    const loss = g.scope("loss", () => mean(sub(rate, mul(counts, log(rate))))) as Tensor;
    const [slope] = g.gradients([loss], [w]) as [Tensor];
    // A rate of learning far too large: one step goes beyond zero.
    return { loss, update: g.assign(w, sub(w, mul(slope, 3)) as Tensor) };
  });
}

export interface Found {
  /** The first step whose loss is NaN. */
  readonly step: number;
  /** Where it arises. */
  readonly why: BenchError;
  readonly page: string;
  readonly trace: string;
}

export function findNaN(): Found {
  return scope(() => {
    const flow = regression();
    const session = new Session(flow);
    const column = (values: readonly number[]) => createTensor(values, [values.length, 1], "f64");
    const feeds = { x: column(X), counts: column(COUNTS) };
    let trace = "";
    session.run(flow.ends.loss, feeds, {
      trace: true,
      onRun: ({ timeline }) => {
        if (timeline !== undefined) trace = JSON.stringify(chromeTrace(timeline));
      },
    });
    const page = showPage("rates", [pictureOf(flow.graphOf(flow.ends), "as it was built")]);
    for (let step = 0; ; step++) {
      try {
        session.run(flow.ends, feeds, { watching: { stopOn: "nan" } });
      } catch (error) {
        if (!(error instanceof BenchError)) throw error;
        session.dispose();
        return { step, why: error, page, trace };
      }
      if (step > 100) throw new Error("the training went well, and should not");
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: "string", default: "seen" } } });
  const { step, why, page, trace } = findNaN();
  console.log(`step ${step}: ${why.describe()}`);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, "graph.html"), page);
  writeFileSync(join(values.out, "trace.json"), trace);
}
