/**
 * Sessions: runs of a dataflow, with the values of its variables. A run computes what is fetched and nothing else; what to compute is
 * found out once for each choice of fetches and feeds, and compiled. Variables are read as they are when the run begins and written
 * when all of it is done, so a run that fails changes nothing.
 */
import { BenchError, mismatch } from "../../core/base/errors.ts";
import type { CompileStatistics } from "../../core/compile/executable.ts";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, Tensor } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { avalOf } from "../../core/tensor/values.ts";
import type { Watching } from "../engine.ts";
import { type Built, type Dataflow, type End, mapEnds, Update } from "./dataflow.ts";
import type { Observed } from "./execute/emit.ts";
import { type Executor, load } from "./execute/load.ts";
import { Graph, Output, typeOf } from "./graph.ts";
import { type Timeline, Timer } from "./observe/timeline.ts";
import { Watcher } from "./observe/watching.ts";
import { optimise } from "./optimise/optimise.ts";
import { liveOutputs, rebuild } from "./optimise/rebuild.ts";
import { sameType, showType } from "./type.ts";

/** Tensors by the names of placeholders, or by the ends that they stand for. */
export type Feeds = Readonly<Record<string, Tensor>> | ReadonlyMap<unknown, Tensor | number>;

export interface RunOptions {
  /** Milliseconds after which a loop does not turn again, and the run ends with an error. */
  readonly timeout?: number;
  /**
   * Asked before the run and in each turn of a loop: where it is aborted, the run ends with an error. A run leaves no time to events of
   * JavaScript, so who aborts is another thread, by what both see, or what runs in between.
   */
  readonly signal?: { readonly aborted: boolean };
  /** Has each launch waited for and timed by itself, for `metadata.timeline`: the run is slower for it. */
  readonly trace?: boolean;
  /** Computes the nodes one by one as they were built, and looks at each value: to find where a NaN arises, or to see some. */
  readonly watching?: Watching;
  /** Is told what the run was. */
  readonly onRun?: (metadata: RunMetadata) => void;
}

export interface SessionSettings {
  /** The way back computes again what is cheap, and less is kept for it, of turns of loops and elsewhere: time for memory. */
  readonly keepLess?: boolean;
}

export interface RunMetadata {
  /** True where the executor was made for this run. */
  readonly isNew: boolean;
  readonly milliseconds: number;
  /** Of each plan: launches, arena, passes. */
  readonly plans: readonly CompileStatistics[];
  /** Of a traced run: launches, loops and turns, with the nodes that they compute and the bytes that they store. */
  readonly timeline?: Timeline;
}

/** Fetches in arrays and records, with what a run gives for them: values for outputs, null for updates. */
export type Fetched<T> = T extends Update ? null : T extends Tensor ? Tensor : { readonly [K in keyof T]: Fetched<T[K]> };

interface Runner {
  readonly executor: Executor;
  /** What becomes of the parameters: feeds by position, then variables by name. */
  readonly fed: readonly number[];
  readonly variables: readonly string[];
  readonly updates: readonly string[];
  readonly timer: Timer | undefined;
  readonly watcher: Watcher | undefined;
  isForgotten: boolean;
}

/** Runs that are compiled apart. */
interface RunKind {
  readonly guarded: boolean;
  readonly observed: Observed | undefined;
}
const PLAIN: RunKind = { guarded: false, observed: undefined };

function kindOf({ timeout, signal, trace, watching }: RunOptions): RunKind {
  if (trace && watching !== undefined)
    throw mismatch("a run is to be traced and watched, and what is watched is not what is timed", "run it twice");
  return {
    guarded: timeout !== undefined || signal !== undefined,
    observed: trace ? "times" : watching === undefined ? undefined : "values",
  };
}

/** Executors kept, the most recent ones. */
const MAX_RUNNERS = 64;

export class Session {
  readonly dataflow: Dataflow;
  private readonly values = new Map<string, Tensor>();
  private readonly runners = new Map<string, Runner>();
  private readonly numbers = new Map<Output, number>();
  private readonly settings: SessionSettings;
  private deadline = Number.POSITIVE_INFINITY;
  private signal: RunOptions["signal"];

  /** Variables begin with their initial values, on the current device. */
  constructor(dataflow: Dataflow, settings: SessionSettings = {}) {
    this.dataflow = dataflow;
    this.settings = settings;
    this.initialise();
  }

  /** Gives all variables their initial values. */
  initialise(): void {
    for (const { name, initial } of this.dataflow.variables.values())
      this.write(name, initial.data, initial.aval.shape, initial.aval.dtype);
  }

  /** A copy of a variable's value. */
  read(name: string): Tensor {
    const t = this.valueOf(name);
    return createTensor(t.toArray(), t.shape, t.dtype);
  }

  /** Gives a variable another value of its shape and dtype. */
  assign(name: string, value: Tensor): void {
    const before = this.valueOf(name);
    if (value.aval !== before.aval)
      throw mismatch(`variable ${name} is ${showType(typeOf(before))}, and is assigned ${showType(typeOf(value))}`);
    this.write(name, value.toArray(), value.shape, value.dtype);
  }

  /** Computes what is fetched, outputs and updates in arrays and records. Throws what a feed does not fit, before anything runs. */
  run<F>(fetches: F, feeds: Feeds = {}, options: RunOptions = {}): Fetched<F> {
    return scope(() => {
      const start = performance.now();
      const given = this.feedsOf(feeds);
      const { runner, isNew } = this.find(fetches, given, kindOf(options));
      const { timer, watcher, executor } = runner;
      this.deadline = performance.now() + (options.timeout ?? Number.POSITIVE_INFINITY);
      this.signal = options.signal;
      this.mayGoOn();
      watcher?.begin(options.watching ?? {});
      timer?.begin();
      const results = this.execute(fetches, runner, [...given.values()]);
      const milliseconds = performance.now() - start;
      const plans = executor.plans.map((p) => p.statistics);
      options.onRun?.({ isNew, milliseconds, plans, ...(timer === undefined ? {} : { timeline: timer.end() }) });
      return results;
    });
  }

  /** A function of the values of these feeds that runs these fetches; where their forms are those of the last call, nothing is looked up. */
  callable<F>(fetches: F, feeds: readonly unknown[]): (...values: Tensor[]) => Fetched<F> {
    let last: { readonly avals: readonly Tensor["aval"][]; readonly runner: Runner } | undefined;
    return (...values) =>
      scope(() => {
        if (last === undefined || last.runner.isForgotten || values.some((v, i) => v.aval !== last?.avals[i])) {
          const { runner } = this.find(fetches, new Map(feeds.map((f, i) => [f, values[i] as Tensor])), PLAIN);
          last = { avals: values.map((v) => v.aval), runner };
        }
        return this.execute(fetches, last.runner, values);
      });
  }

  /** Gives back variables and plans. */
  dispose(): void {
    for (const t of this.values.values()) t.release();
    this.values.clear();
    for (const runner of this.runners.values()) forget(runner);
    this.runners.clear();
  }

  /** The runner for what is fetched and fed, made now or before. */
  private find(
    fetches: unknown,
    given: ReadonlyMap<unknown, Tensor | number>,
    kind: RunKind,
  ): { readonly runner: Runner; readonly isNew: boolean } {
    const forms = new Map<string, Tensor["aval"]>();
    for (const [name, { output }] of this.dataflow.first.building.placeholders) {
      const value = given.get(output);
      if (value !== undefined) forms.set(name, avalOf(value));
    }
    const built = this.dataflow.for(forms);
    const wanted: End[] = [];
    mapEnds(fetches, (e) => wanted.push(this.endIn(built, e)));
    const fed = [...given].map(([end, value]) => {
      const output = this.outputIn(built, end);
      this.checkFeed(built, output, value);
      return output;
    });
    const key = [wanted.map((e) => this.keyOf(e)), fed.map((f) => this.keyOf(f)), kind.guarded, kind.observed].join(";");
    const known = this.runners.get(key);
    const runner = known ?? this.prepare(built, wanted, fed, kind);
    if (known !== undefined) this.runners.delete(key);
    else if (this.runners.size >= MAX_RUNNERS) this.forgetOldest();
    this.runners.set(key, runner);
    return { runner, isNew: known === undefined };
  }

  private execute<F>(fetches: F, runner: Runner, fed: readonly Value[]): Fetched<F> {
    const args = [...runner.fed.map((i) => fed[i] as Value), ...runner.variables.map((name) => this.valueOf(name))];
    const results = runner.executor.run(args);
    const outputs = results.slice(0, results.length - runner.updates.length);
    // A variable that is fetched as it is stays the session's.
    const own = outputs.map((r) => (r instanceof Tensor && args.includes(r) ? createTensor(r.toArray(), r.shape, r.dtype) : r));
    this.take(runner.updates.map((name, i) => [name, results[outputs.length + i] as Tensor]));
    let next = 0;
    return mapEnds(fetches, (e) => (e instanceof Update ? null : own[next++])) as Fetched<F>;
  }

  private prepare({ building }: Built, wanted: readonly End[], fed: readonly Output[], kind: RunKind): Runner {
    const outputs = wanted.filter((e) => e instanceof Output);
    const updates = wanted.filter((e) => e instanceof Update);
    const twice = updates.find((u, i) => updates.findIndex((v) => v.variable === u.variable) !== i);
    if (twice !== undefined) throw mismatch(`one run is to assign variable ${twice.variable.name} twice`, "fetch one of the updates");
    const results = [...outputs, ...updates.map((u) => u.value)];
    const live = liveOutputs(results, new Set(fed));
    for (const { name, output } of building.placeholders.values())
      if (live.has(output) && !fed.includes(output))
        throw mismatch(`placeholder ${name} (${showType(output.type)}) is needed and not fed`, `run(fetches, { ${name}: ... })`);
    const used = fed.flatMap((o, i) => (live.has(o) ? [i] : []));
    const read = [...building.reads].filter(([, o]) => live.has(o) && !fed.includes(o));
    const view = new Graph(building.graph.name);
    view.parameters.push(...used.map((i) => fed[i] as Output), ...read.map(([, o]) => o));
    view.results.push(...results);
    const timer = kind.observed === "times" ? new Timer() : undefined;
    const watcher = kind.observed === "values" ? new Watcher() : undefined;
    const observer = timer ?? watcher;
    const built = rebuild(view);
    return {
      executor: load(watcher === undefined ? optimise(built, [], this.settings.keepLess ? ["keep less"] : []).graph : built, {
        recompute: this.settings.keepLess === true,
        ...(kind.guarded ? { goOn: () => this.goOn() } : {}),
        ...(observer === undefined ? {} : { observer }),
      }),
      timer,
      watcher,
      fed: used,
      variables: read.map(([name]) => name),
      updates: updates.map((u) => u.variable.name),
      isForgotten: false,
    };
  }

  private mayGoOn(): void {
    if (this.signal?.aborted) throw new BenchError("runtime", "the run was aborted by its signal");
  }

  private goOn(): void {
    this.mayGoOn();
    if (performance.now() > this.deadline)
      throw new BenchError("runtime", "a loop still turned when the run's timeout had passed", {
        advice: "raise timeout, or look at what ends the loop",
      });
  }

  private feedsOf(feeds: Feeds): Map<unknown, Tensor | number> {
    if (feeds instanceof Map) return new Map(feeds);
    const { placeholders } = this.dataflow.first.building;
    return new Map(
      Object.entries(feeds).map(([name, value]) => {
        const placeholder = placeholders.get(name);
        if (placeholder === undefined)
          throw mismatch(`there is no placeholder ${name}`, `placeholders: ${[...placeholders.keys()].join(", ") || "none"}`);
        return [placeholder.output, value];
      }),
    );
  }

  private checkFeed({ building }: Built, output: Output, value: unknown): void {
    if (!(value instanceof Tensor) && typeof value !== "number") throw mismatch(`a feed is ${typeof value}`, "feed tensors");
    const type = typeOf(value);
    const placeholder = [...building.placeholders.values()].find((p) => p.output === output);
    if (sameType(type, output.type)) return;
    const wanted = placeholder ? `${placeholder.dtype}[${placeholder.shape.map((d) => d ?? "?").join(", ")}]` : showType(output.type);
    throw mismatch(`${placeholder ? `placeholder ${placeholder.name}` : "a value"} is ${wanted}, and is fed ${showType(type)}`);
  }

  /** An end of the first building, in another one. */
  private endIn(built: Built, end: End): End {
    const { first } = this.dataflow;
    if (built === first) return end;
    const at = first.ends.indexOf(end);
    const found = built.ends[at];
    if (found !== undefined) return found;
    if (end instanceof Output) {
      for (const [name, { output }] of first.building.placeholders)
        if (output === end) return built.building.placeholders.get(name)?.output as Output;
      for (const [name, output] of first.building.reads) if (output === end) return built.building.reads.get(name) as Output;
    }
    throw mismatch("with placeholders of open shape, ends can be fetched and fed only", "return the value from the building function");
  }

  private outputIn(built: Built, end: unknown): Output {
    if (!(end instanceof Output))
      throw mismatch("a feed is given for what is no value of the graph", "feed placeholders or other values of it");
    return this.endIn(built, end) as Output;
  }

  private keyOf(end: End): string {
    const output = end instanceof Update ? end.value : end;
    let number = this.numbers.get(output);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(output, number);
    }
    return end instanceof Update ? `${end.variable.name}=${number}` : String(number);
  }

  private valueOf(name: string): Tensor {
    const t = this.values.get(name);
    if (t === undefined) throw mismatch(`there is no variable ${name}`, `variables: ${[...this.values.keys()].join(", ") || "none"}`);
    return t;
  }

  private write(name: string, data: ArrayLike<number>, shape: readonly number[], dtype: Tensor["dtype"]): void {
    scope(() => this.take([[name, createTensor(data, shape, dtype)]]));
  }

  /** Holds tensors as the values of variables, in place of those before, of which one may be another variable's next. */
  private take(updates: readonly (readonly [name: string, value: Tensor])[]): void {
    for (const [, value] of updates) value.retain();
    for (const [name, value] of updates) {
      this.values.get(name)?.release();
      this.values.set(name, value);
    }
  }

  private forgetOldest(): void {
    const [oldest] = this.runners;
    if (oldest === undefined) return;
    forget(oldest[1]);
    this.runners.delete(oldest[0]);
  }
}

function forget(runner: Runner): void {
  runner.isForgotten = true;
  runner.executor.dispose();
}
