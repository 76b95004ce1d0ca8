/**
 * Where the time of a run goes: each launch by itself, with the device idle before it and waited for after it, and the nodes that it
 * computes. Fusion makes many nodes one launch, so a node's time is that of its launches, shared with the others in them; what a run
 * takes without being looked at is less than the sum, since nothing then waits. Chrome's trace viewer and Perfetto read the export.
 */

import { sizeOf } from "../../../core/base/dtype.ts";
import { type Span, showSpan } from "../../../core/base/span.ts";
import type { Executable } from "../../../core/compile/executable.ts";
import { computedBy } from "../../../core/compile/steps.ts";
import { currentDevice, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Observer } from "../execute/load.ts";
import type { Node } from "../graph.ts";
import { aboutOf, kindOf, nameOf, spanOf } from "../origin.ts";
import { showType } from "../type.ts";

/** A stretch of time of a run; milliseconds since it began. */
export interface TimelineEvent {
  readonly kind: "launch" | "loop" | "turn";
  /** Of a launch, what its nodes do; of a loop its name, of a turn its number. */
  readonly name: string;
  readonly start: number;
  readonly milliseconds: number;
  /** Names of the nodes that are computed. */
  readonly nodes: readonly string[];
  /** Bytes that the launch stores. */
  readonly bytes: number;
}

/** What a run spent on a node. */
export interface NodeTime {
  readonly name: string;
  /** What it does, and what it gives: `matmul`, `f64[2, 3]`. */
  readonly kind: string;
  readonly type: string;
  readonly span: Span | undefined;
  readonly about: string | undefined;
  readonly launches: number;
  /** Of these launches, together. */
  readonly milliseconds: number;
  /** Of each launch an even part: shares of all nodes add up to the time of all launches. */
  readonly share: number;
  /** Nodes in the fullest of these launches, itself counted: 1 where the time is its alone. */
  readonly sharedBy: number;
  /** Bytes of its result, and whether they are stored; what is not stays in registers. */
  readonly bytes: number;
  readonly isStored: boolean;
}

export interface Timeline {
  readonly device: string;
  readonly events: readonly TimelineEvent[];
  /** The costliest first. */
  readonly nodes: readonly NodeTime[];
  /** Of all launches. */
  readonly deviceMilliseconds: number;
}

interface Recorded {
  readonly kind: TimelineEvent["kind"];
  readonly start: number;
  end: number;
  readonly loop?: Node;
  readonly turn?: number;
  readonly nodes: readonly Node[];
  readonly stored: ReadonlySet<Node>;
}

const NONE: ReadonlySet<Node> = new Set();

/** Records one run of a graph. */
export class Timer implements Observer {
  private events: Recorded[] = [];
  private open: { readonly loop: Recorded; turn: Recorded | undefined; turns: number }[] = [];
  private began = 0;

  begin(): void {
    this.events = [];
    this.open = [];
    currentDevice().sync();
    this.began = performance.now();
  }

  readonly enter = (loop: Node): void => {
    this.open.push({ loop: this.record("loop", { loop }), turn: undefined, turns: 0 });
  };

  readonly turn = (): void => {
    const around = this.open.at(-1);
    if (around === undefined) return;
    if (around.turn !== undefined) around.turn.end = this.now();
    around.turn = this.record("turn", { turn: around.turns++ });
  };

  readonly leave = (): void => {
    const around = this.open.pop();
    if (around === undefined) return;
    // The last turn is the test alone, that said no.
    if (around.turn !== undefined) around.turn.end = this.now();
    around.loop.end = this.now();
  };

  readonly timed = <T>(n: Node, work: () => T): T => {
    const event = this.record("launch", { nodes: [n], stored: new Set([n]) });
    const result = work();
    currentDevice().sync();
    event.end = this.now();
    return result;
  };

  readonly run = (plan: Executable, inputs: readonly Tensor[]): Tensor[] =>
    plan.run(inputs, (_launch, step, enqueue) => {
      const event = this.record("launch", {
        nodes: [...new Set(computedBy(step).map((n) => n.source as Node))],
        stored: new Set(step.outputs.flatMap((v) => (v.kind === "node" ? [v.source as Node] : []))),
      });
      enqueue();
      plan.device.sync();
      event.end = this.now();
    });

  /** What was recorded since `begin`. */
  end(): Timeline {
    return timelineOf(this.events);
  }

  /** Of all launches, and what was spent on each node of the graph that ran. */
  spent(): { readonly deviceMilliseconds: number; readonly on: ReadonlyMap<Node, Spent> } {
    return { deviceMilliseconds: deviceTime(this.events), on: spentOn(this.events) };
  }

  private record(kind: Recorded["kind"], of: Partial<Recorded>): Recorded {
    const event = { nodes: [], stored: NONE, ...of, kind, start: this.now(), end: 0 };
    this.events.push(event);
    return event;
  }

  private now(): number {
    return performance.now() - this.began;
  }
}

function bytesOf(n: Node): number {
  return n.outputs.reduce((sum, { type }) => sum + (type.kind === "tensor" ? type.aval.size * sizeOf(type.aval.dtype) : 0), 0);
}

function deviceTime(recorded: readonly Recorded[]): number {
  return recorded.reduce((sum, e) => sum + (e.kind === "launch" ? e.end - e.start : 0), 0);
}

export type Spent = Pick<NodeTime, "launches" | "milliseconds" | "share" | "sharedBy" | "isStored" | "bytes">;

function spentOn(recorded: readonly Recorded[]): ReadonlyMap<Node, Spent> {
  const spent = new Map<Node, { -readonly [K in keyof Spent]: Spent[K] }>();
  for (const { nodes, stored, start, end } of recorded) {
    for (const n of nodes) {
      const of = spent.get(n) ?? { launches: 0, milliseconds: 0, share: 0, sharedBy: 0, isStored: false, bytes: bytesOf(n) };
      of.launches++;
      of.milliseconds += end - start;
      of.share += (end - start) / nodes.length;
      of.sharedBy = Math.max(of.sharedBy, nodes.length);
      of.isStored ||= stored.has(n);
      spent.set(n, of);
    }
  }
  return spent;
}

function timelineOf(recorded: readonly Recorded[]): Timeline {
  const events = recorded.map(
    ({ kind, start, end, loop, turn, nodes, stored }): TimelineEvent => ({
      kind,
      name: loop !== undefined ? nameOf(loop) : turn !== undefined ? `turn ${turn}` : [...new Set(nodes.map(kindOf))].join(" + "),
      start,
      milliseconds: end - start,
      nodes: nodes.map(nameOf),
      bytes: [...stored].reduce((sum, n) => sum + bytesOf(n), 0),
    }),
  );
  const nodes = [...spentOn(recorded)].map(
    ([n, of]): NodeTime => ({
      name: nameOf(n),
      kind: kindOf(n),
      type: n.outputs.map((o) => showType(o.type)).join(", "),
      span: spanOf(n),
      about: aboutOf(n),
      ...of,
    }),
  );
  return {
    device: currentDevice().name,
    events,
    nodes: nodes.sort((a, b) => b.milliseconds - a.milliseconds),
    deviceMilliseconds: deviceTime(recorded),
  };
}

/** The timeline in Chrome's trace event format, to be written as JSON: open it in chrome://tracing or ui.perfetto.dev. */
export function chromeTrace({ events, nodes, device }: Timeline): {
  readonly traceEvents: readonly object[];
  readonly displayTimeUnit: "ms";
} {
  const places = new Map(nodes.map((n) => [n.name, n.span === undefined ? n.name : `${n.name} ${showSpan(n.span)}`]));
  const named = (name: string, of: string) => ({ name, ph: "M", pid: 1, tid: 1, args: { name: of } });
  const slices = events.map((e) => ({
    name: e.name,
    cat: e.kind,
    ph: "X",
    pid: 1,
    tid: 1,
    ts: e.start * 1000,
    dur: e.milliseconds * 1000,
    args: e.kind === "launch" ? { bytes: e.bytes, nodes: e.nodes.map((n) => places.get(n) ?? n) } : {},
  }));
  return { traceEvents: [named("process_name", "trigrad"), named("thread_name", device), ...slices], displayTimeUnit: "ms" };
}
