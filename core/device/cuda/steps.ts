/** Launches as steps: what is put on the stream, or done by the host in between. */
import { storesNothing } from "../../kernel/kernel.ts";
import type { Launch } from "../../kernel/launch.ts";
import type { WantedText } from "./kernels.ts";
import { productSteps, wantedProduct } from "./products.ts";
import { routineSteps, wantedRoutine } from "./routines.ts";
import { kernelStep, type Step, type StepHost, wantedKernel } from "./step.ts";

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
      return launch.members.flatMap((m) => wantedTexts(host, m.launch));
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
      return launch.members.flatMap((m, member) =>
        stepsOf(host, m.launch).map((step) => ({
          ...step,
          company: { launch, member },
          places: step.places.map(({ operand, offset }) => ({ operand: m.operands[operand] as number, offset })),
        })),
      );
    default:
      return launch satisfies never;
  }
}
