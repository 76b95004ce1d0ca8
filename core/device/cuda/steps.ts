/** Launches as steps: what is put on the stream, or done by the host in between. */
import { storesNothing } from "../../kernel/kernel.ts";
import { type KernelLaunch, type Launch, type Member, outputsOf, type TogetherLaunch } from "../../kernel/launch.ts";
import { manyOf } from "../../render/cuda-layout.ts";
import type { WantedText } from "./kernels.ts";
import { productSteps, wantedProduct } from "./products.ts";
import { routineSteps, wantedRoutine } from "./routines.ts";
import { kernelStep, launchOf, type Place, type Step, type StepHost, wantedKernel, wantedMany } from "./step.ts";

/** The texts that a launch needs compiled. */
export function wantedTexts(host: StepHost, launch: Launch): WantedText[] {
  switch (launch.kind) {
    case "kernel":
      return storesNothing(launch.kernel, launch.geometry) ? [] : [wantedKernel(launch)];
    case "matmul":
    case "convolution": {
      const { text, isWhole } = wantedProduct(host, launch);
      // An epilogue that is not part of the product is a kernel.
      return [...(text === undefined ? [] : [text]), ...(launch.epilogue === undefined || isWhole ? [] : [wantedKernel(launch.epilogue)])];
    }
    case "routine": {
      const wanted = wantedRoutine(launch);
      return wanted === undefined ? [] : [wanted];
    }
    case "together":
      return groupsOf(launch).flatMap(({ many, members }) =>
        many === undefined ? members.flatMap((m) => wantedTexts(host, m.launch)) : [many],
      );
    default:
      return launch satisfies never;
  }
}

/** The steps of a launch; none where nothing is stored. */
export function stepsOf(host: StepHost, launch: Launch): Step[] {
  switch (launch.kind) {
    case "kernel":
      return storesNothing(launch.kernel, launch.geometry) ? [] : [kernelStep(host, launch, launch.kernel.outputs.length)];
    case "matmul":
    case "convolution":
      return productSteps(host, launch);
    case "routine":
      return routineSteps(host, launch);
    case "together":
      return groupsOf(launch).flatMap(({ many, members }, member) => {
        const steps = many === undefined ? members.flatMap((m) => memberSteps(host, m)) : manySteps(host, many, members);
        return steps.map((step) => ({ ...step, company: { launch, member } }));
      });
    default:
      return launch satisfies never;
  }
}

/** Members of a launch together that one kernel does, or a single one. */
interface Group {
  readonly many: WantedText | undefined;
  readonly members: readonly Member[];
}

/** The members, those with one text in one group: the update of every parameter is one launch. */
function groupsOf({ members }: TogetherLaunch): Group[] {
  const groups = new Map<string, { many: WantedText | undefined; members: Member[] }>();
  for (const [i, member] of members.entries()) {
    const { launch } = member;
    const stores = launch.kind === "kernel" && !storesNothing(launch.kernel, launch.geometry);
    const many = stores ? wantedMany(launch) : undefined;
    const key = many?.key ?? `${i}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { many, members: [member] });
    else group.members.push(member);
  }
  return [...groups.values()].map((group) => (group.members.length > 1 ? group : { many: undefined, members: group.members }));
}

/** Steps of a member, with places among the operands of the whole. */
function memberSteps(host: StepHost, { launch, operands }: Member): Step[] {
  return stepsOf(host, launch).map((step) => ({ ...step, places: placesAmong(step.places, operands) }));
}

function placesAmong(places: readonly Place[], operands: readonly number[]): Place[] {
  return places.map(({ operand, offset }) => ({ operand: operands[operand] as number, offset }));
}

/** As few launches as the members' structs have room in. */
function manySteps(host: StepHost, many: WantedText, members: readonly Member[]): Step[] {
  const loaded = host.kernel(many);
  const most = manyOf(loaded.layout);
  const launches = members.map(({ launch, operands }) => {
    const own = launchOf(host, loaded, launch as KernelLaunch, outputsOf(launch));
    return { ...own, places: placesAmong(own.places, operands) };
  });
  return Array.from({ length: Math.ceil(launches.length / most) }, (_, i) =>
    host.launchManyStep(loaded, launches.slice(i * most, (i + 1) * most)),
  );
}
