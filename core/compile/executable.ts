/**
 * Executables: a program planned for one device. All intermediates lie in one arena, allocated once; a run allocates only what
 * it returns, and is one call into the device.
 */
import { showAval } from "../base/aval.ts";
import { sizeOf } from "../base/dtype.ts";
import { assert, mismatch } from "../base/errors.ts";
import type { Address, Device } from "../device/device.ts";
import { createNull } from "../device/null/device.ts";
import type { PlanStep, RunnablePlan, Slot } from "../device/plan.ts";
import type { Launch } from "../kernel/launch.ts";
import { Storage, Tensor } from "../tensor/tensor.ts";
import { Donations } from "./donation.ts";
import { fuse } from "./fuse.ts";
import { GATHERS } from "./gathers.ts";
import { type ArenaPlan, alignedBytes, type Lifetime, planArena } from "./memory.ts";
import { orderForMemory } from "./order.ts";
import { type PassName, type PassStatistics, passNames, runPass } from "./passes.ts";
import { nodesOf, type Program, type Value } from "./program.ts";
import { type Step, stepsOf } from "./steps.ts";
import { together } from "./together.ts";

/** What can be switched off, to see what it is worth. */
export type Switch = PassName | "fusion" | "gathers" | "epilogues" | "order" | "together" | "inPlace" | "sharing";

export interface CompileOptions {
  readonly off?: readonly Switch[];
  /** Time for memory: what is cheap and read much later is not kept, but computed again. */
  readonly recompute?: boolean;
  /**
   * Positions of inputs that a run uses up: an output takes the memory of one where it can (an optimiser's step: parameters and
   * moments), and the tensors given there are freed by the run. Nobody else may hold them.
   */
  readonly donate?: readonly number[];
}

export interface CompileStatistics {
  readonly passes: readonly PassStatistics[];
  readonly nodes: number;
  /** Launches of a run, and how many a run would have without fusion. */
  readonly launches: number;
  readonly unfusedLaunches: number;
  /** Launches that run together with others, less one for each company. */
  readonly joinedLaunches: number;
  /** Gathers that are loads of the kernels that read them, and stored by none. */
  readonly fusedGathers: number;
  /** The arena, the least that any plan needs, and what buffers of their own would take. */
  readonly arenaBytes: number;
  readonly lowerBound: number;
  readonly unsharedBytes: number;
}

const ARENA = 0;
const CONSTANTS = 1;

interface PlannedLaunch {
  readonly step: Step;
  readonly planned: PlanStep;
  /** Where it was asked for. */
  alone?: RunnablePlan;
}

/** Plans a program for a device. What is computed again lives somewhere too: it is where less is held in the end. */
export function compileProgram(program: Program, device: Device, options: CompileOptions = {}): Executable {
  const arenaOf = (recompute: boolean) => new Executable(program, createNull(), { ...options, recompute }).statistics.arenaBytes;
  const isWorthIt = options.recompute === true && arenaOf(true) < arenaOf(false);
  return new Executable(program, device, { ...options, recompute: isWorthIt });
}

export class Executable {
  readonly program: Program;
  readonly device: Device;
  readonly statistics: CompileStatistics;
  /** The steps, in order. */
  readonly steps: readonly Step[];
  private readonly plan: RunnablePlan;
  private readonly launches: readonly PlannedLaunch[];
  private readonly blocks: Address[];
  private readonly owned: { readonly address: Address; readonly bytes: number }[] = [];
  /** For each output of the program: the output block, or the input or constant, that holds it. */
  private readonly outputs: readonly Place[];
  private readonly outputValues: readonly Value[];
  private readonly donations: Donations;
  private disposed = false;

  constructor(program: Program, device: Device, options: CompileOptions) {
    const off: ReadonlySet<Switch> = new Set(options.off);
    this.device = device;
    const passes: PassStatistics[] = [];
    let current = program;
    for (const name of passNames) {
      if (off.has(name) || (name === "recompute" && options.recompute !== true)) continue;
      const done = runPass(name, current);
      current = done.program;
      passes.push(done.statistics);
    }
    this.program = current;
    const nodes = nodesOf(current);
    for (const n of nodes)
      if (n.primitive.name === "item") throw mismatch("a program holds tensors only, and item(x) is a number", "leave out item");
    const fused = fuse(current, { fusion: !off.has("fusion"), gathers: !off.has("gathers") });
    const given = stepsOf(fused, { epilogues: !off.has("epilogues") });
    const steps = off.has("order") ? given : orderForMemory(given, fused.outputs);
    this.steps = off.has("together") ? steps : together(steps);

    this.donations = new Donations(current, options.donate ?? [], fused.outputOf, off.has("inPlace") ? [] : this.steps);
    const layout = new Layout(current, fused.outputOf, this.steps, off, this.donations);
    this.outputs = layout.outputs;
    this.outputValues = layout.outputValues;
    const { arena } = layout;
    const written = new Set<Value>(this.steps.flatMap((s) => s.outputs));
    this.statistics = {
      passes,
      nodes: nodes.length,
      launches: this.steps.reduce((n, s) => n + s.launches.length, 0),
      fusedGathers: nodes.filter((n) => GATHERS.has(n.primitive) && !written.has(n)).length,
      joinedLaunches: steps.length - this.steps.length,
      get unfusedLaunches() {
        return nodes.reduce((n, x) => n + launchesOf(x), 0);
      },
      arenaBytes: arena.bytes,
      lowerBound: arena.lowerBound,
      unsharedBytes: arena.unshared,
    };
    this.launches = this.steps.flatMap((step) => {
      const operands = [...step.outputs.map((v) => layout.slot(v, 0)), ...step.inputs.map((i) => layout.slot(i.value, i.offset))];
      return step.launches.map((launch): PlannedLaunch => ({ step, planned: { launch, operands } }));
    });
    const planSteps = this.launches.map((l) => l.planned);
    // Empty tensors have places too, in a block of no bytes.
    const isUsed = (block: number) => planSteps.some(({ operands }) => operands.some((o) => o.block === block));
    const arenaAddress = this.take(arena.bytes, isUsed(ARENA));
    const constants = this.take(layout.constantBytes, isUsed(CONSTANTS));
    for (const [value, offset] of layout.constants) if (value.kind === "constant") device.upload(constants + offset, value.data);
    this.blocks = [arenaAddress, constants, ...current.inputs.map(() => 0), ...this.outputValues.map(() => 0)];
    this.plan = device.preparePlan(planSteps);
  }

  /**
   * Fresh tensors with the program's outputs; outputs that are inputs share their storage. Frees the inputs that are donated. Where
   * `each` is given, it is called for each launch instead, and calls what it is given to have it enqueued.
   */
  run(inputs: readonly Tensor[], each?: (launch: Launch, step: Step, enqueue: () => void) => void): Tensor[] {
    assert(!this.disposed, "an executable is run after it was disposed");
    this.check(inputs);
    const { blocks, device } = this;
    const first = CONSTANTS + 1;
    for (const [i, t] of inputs.entries()) blocks[first + i] = t.storage.address;
    const storages = this.outputValues.map((v) => new Storage(device, v.aval.size * sizeOf(v.aval.dtype)));
    for (const [i, s] of storages.entries()) blocks[first + inputs.length + i] = s.address;
    try {
      if (each === undefined) this.plan(blocks);
      else
        for (const l of this.launches) {
          const alone = this.alone(l);
          each(l.planned.launch, l.step, () => alone(blocks));
        }
    } catch (error) {
      for (const s of storages) device.free(s.address, s.bytes);
      this.donations.use(inputs);
      throw error;
    }
    const taken = new Set<Storage>();
    const results = this.outputs.map(({ from, index }, k) => {
      const { aval } = this.program.outputs[k] as Value;
      if (from === "constant") return this.constantOutput(k);
      const storage = from === "input" ? (inputs[index] as Tensor).storage : (storages[index] as Storage);
      if (from === "input" || taken.has(storage)) storage.holders++;
      taken.add(storage);
      return new Tensor(aval, storage);
    });
    this.donations.use(inputs);
    return results;
  }

  /** Gives the arena and the constants back. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.device.forget(this.plan);
    for (const { alone } of this.launches) if (alone !== undefined) this.device.forget(alone);
    for (const { address, bytes } of this.owned) this.device.free(address, bytes);
  }

  /** A launch as a plan of its own. */
  private alone(l: PlannedLaunch): RunnablePlan {
    l.alone ??= this.device.preparePlan([l.planned]);
    return l.alone;
  }

  private constantOutput(k: number): Tensor {
    const value = this.outputs[k]?.value as Value;
    assert(value.kind === "constant", "an output that is a constant is none");
    const storage = new Storage(this.device, value.data.byteLength);
    this.device.upload(storage.address, value.data);
    return new Tensor((this.program.outputs[k] as Value).aval, storage);
  }

  private take(bytes: number, isUsed: boolean): Address {
    if (bytes === 0 && !isUsed) return 0;
    const address = this.device.alloc(bytes);
    this.owned.push({ address, bytes });
    return address;
  }

  private check(inputs: readonly Tensor[]): void {
    const wanted = this.program.inputs;
    if (inputs.length !== wanted.length) throw mismatch(`a program of ${wanted.length} inputs is run with ${inputs.length}`);
    for (const [i, t] of inputs.entries()) {
      t.check();
      const a = (wanted[i] as Value).aval;
      if (t.aval !== a)
        throw mismatch(`input ${i} of a program compiled for ${showAval(a)} is ${showAval(t.aval)}`, "compile it for this shape and dtype");
      if (t.storage.device !== this.device)
        throw mismatch(`input ${i} is on device ${t.storage.device.name}, and the program is compiled for ${this.device.name}`);
    }
    this.donations.check(inputs);
  }
}

function launchesOf(node: {
  readonly primitive: { lower(...args: never[]): readonly Launch[] };
  readonly args: readonly Value[];
  readonly aval: Value["aval"];
  readonly params: unknown;
}): number {
  return (node.primitive.lower as (...args: unknown[]) => readonly Launch[])(
    node.args.map((a) => a.aval),
    node.aval,
    node.params,
  ).length;
}

interface Place {
  readonly from: "output" | "input" | "constant";
  readonly index: number;
  readonly value: Value;
}

/** Where every buffer of a planned program lies. */
class Layout {
  readonly arena: ArenaPlan;
  readonly constants = new Map<Value, number>();
  readonly constantBytes: number;
  readonly outputs: readonly Place[];
  readonly outputValues: Value[] = [];
  /** Position in `outputValues`. */
  private readonly outputIndex = new Map<Value, number>();
  private readonly program: Program;
  private readonly donations: Donations;
  /** Position in the arena plan. */
  private readonly allocation = new Map<Value, number>();

  constructor(program: Program, outputOf: readonly Value[], steps: readonly Step[], off: ReadonlySet<Switch>, donations: Donations) {
    this.program = program;
    this.donations = donations;
    this.outputs = outputOf.map((value): Place => {
      const host = donations.hostOf(value);
      if (host !== undefined) return { from: "input", index: host.index, value };
      if (value.kind !== "node") return { from: value.kind, index: value.kind === "input" ? value.index : 0, value };
      let index = this.outputIndex.get(value);
      if (index === undefined) {
        index = this.outputValues.push(value) - 1;
        this.outputIndex.set(value, index);
      }
      return { from: "output", index, value };
    });
    let at = 0;
    for (const s of steps) {
      for (const { value } of s.inputs) {
        if (value.kind !== "constant" || this.constants.has(value)) continue;
        this.constants.set(value, at);
        at += alignedBytes(value.data.byteLength);
      }
    }
    this.constantBytes = at;
    this.arena = planArena(this.lifetimes(steps, off));
  }

  slot(value: Value, elements: number): Slot {
    const offset = elements * sizeOf(value.aval.dtype);
    if (value.kind === "constant") return { block: CONSTANTS, offset: (this.constants.get(value) as number) + offset };
    const input = value.kind === "input" ? value : this.donations.hostOf(value);
    if (input !== undefined) return { block: CONSTANTS + 1 + input.index, offset };
    const output = this.outputIndex.get(value);
    if (output !== undefined) return { block: CONSTANTS + 1 + this.program.inputs.length + output, offset };
    return { block: ARENA, offset: (this.arena.offsets[this.allocation.get(value) as number] as number) + offset };
  }

  private lifetimes(steps: readonly Step[], off: ReadonlySet<Switch>): Lifetime[] {
    const bytesOf = (v: Value) => v.aval.size * sizeOf(v.aval.dtype);
    const lastUse = new Map<Value, number>();
    for (const [i, s] of steps.entries()) for (const { value } of s.inputs) lastUse.set(value, i);
    const list: { bytes: number; from: number; to: number }[] = [];
    for (const [i, s] of steps.entries()) {
      const taken = new Set<Value>();
      for (const o of s.outputs) {
        if (this.outputIndex.has(o) || this.donations.hostOf(o) !== undefined) continue;
        const to = off.has("sharing") ? steps.length : (lastUse.get(o) ?? i);
        const host = off.has("inPlace")
          ? undefined
          : s.inPlace.find(
              (x) =>
                x.output === o &&
                !taken.has(x.input) &&
                this.allocation.has(x.input) &&
                lastUse.get(x.input) === i &&
                bytesOf(x.input) === bytesOf(o),
            );
        if (host === undefined) {
          this.allocation.set(o, list.push({ bytes: bytesOf(o), from: i, to }) - 1);
          continue;
        }
        taken.add(host.input);
        const at = this.allocation.get(host.input) as number;
        this.allocation.set(o, at);
        const held = list[at] as { to: number };
        held.to = Math.max(held.to, to);
      }
    }
    return list;
  }
}
