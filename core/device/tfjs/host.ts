/**
 * Launches that tfjs has no kernels for: their operands are copied to the interpreter, which computes the launch by its definition, and
 * the regions that it stores are copied back.
 */
import { type KernelLaunch, type Launch, outputsOf, type RoutineLaunch } from "../../kernel/launch.ts";
import type { Address, Device, Runnable } from "../device.ts";
import { ELEMENT, type Memory } from "./memory.ts";
import { type Region, regionOf } from "./view.ts";

/** What a launch touches of one of its operands; outputs come first. */
interface Place {
  readonly region: Region;
  readonly dtype: "f32" | "i32";
}

export function runOnHost(launch: KernelLaunch | RoutineLaunch, host: Device, memory: Memory): Runnable {
  const outputs = outputsOf(launch);
  const places = launch.kind === "kernel" ? placesOfKernel(launch) : placesOfRoutine(launch);
  const run = host.prepare(onCopies(launch, places));
  return (...addresses) => {
    const given = places.map((_, i) => addresses[i < outputs ? i : outputs + (launch.inputs[i - outputs] as number)] as Address);
    const copies: { readonly at: Address; readonly bytes: number }[] = [];
    try {
      for (const [i, { region, dtype }] of places.entries()) {
        const data = memory.download((given[i] as Address) + region.low * ELEMENT, dtype, region.length);
        const copy = { at: host.alloc(data.byteLength), bytes: data.byteLength };
        copies.push(copy);
        host.upload(copy.at, data);
      }
      run(...(copies.map((c) => c.at) as [Address]));
      for (const [i, { region, dtype }] of places.slice(0, outputs).entries())
        memory.upload((given[i] as Address) + region.low * ELEMENT, host.download((copies[i] as { at: Address }).at, dtype, region.length));
    } finally {
      for (const { at, bytes } of copies) host.free(at, bytes);
    }
  };
}

/** The launch with operands that begin where their regions do, each a buffer of its own. */
function onCopies(launch: KernelLaunch | RoutineLaunch, places: readonly Place[]): Launch {
  const inputs = launch.inputs.map((_, k) => k);
  if (launch.kind === "routine") return { ...launch, inputs };
  const operands = launch.kernel.operands.length;
  const outputs = launch.kernel.outputs.length;
  // Geometry has operands before outputs, launches run with outputs before inputs.
  const lows = [...places.slice(outputs), ...places.slice(0, outputs)].map((p) => p.region.low);
  const offsets = launch.geometry.offsets.map((offset, i) => offset - (lows[i] as number));
  return { ...launch, geometry: { ...launch.geometry, offsets }, inputs: inputs.slice(0, operands) };
}

function placesOfKernel({ kernel, geometry }: KernelLaunch): Place[] {
  const outer = kernel.rank - kernel.reduced;
  const place = (number: number, rank: number, dtype: string): Place => {
    const strides = (geometry.strides[number] as readonly number[]).slice(0, rank);
    const extents = geometry.extents.slice(0, rank).map((d, i) => (strides[i] === 0 ? 1 : d));
    const offset = geometry.offsets[number] as number;
    const isEmpty = geometry.extents.slice(0, rank).includes(0) && (extents.includes(0) || geometry.extents.slice(0, outer).includes(0));
    const region = isEmpty ? { low: offset, length: 0 } : regionOf({ extents, strides, offset }, geometry.indirect[number]);
    return { region, dtype: dtype === "f32" ? "f32" : "i32" };
  };
  return [
    ...kernel.outputs.map((o, i) => place(kernel.operands.length + i, o.each === "row" ? outer : kernel.rank, o.dtype)),
    ...kernel.operands.map((o, k) => place(k, kernel.rank, o.dtype)),
  ];
}

function placesOfRoutine({ routine, dtype, batch, n, columns }: RoutineLaunch): Place[] {
  const kind = dtype === "f32" ? "f32" : "i32";
  const place = (length: number, of: Place["dtype"] = kind): Place => ({ region: { low: 0, length: batch * length }, dtype: of });
  const inputs = routine === "argsort" ? [place(n)] : columns > 0 ? [place(n * n), place(n * columns)] : [place(n * n)];
  switch (routine) {
    case "argsort":
      return [place(n, "i32"), ...inputs];
    case "triangularSolve":
    case "solve":
      return [place(n * columns), ...inputs];
    case "determinant":
    case "logDeterminant":
      return [place(1), ...inputs];
    case "cholesky":
    case "cofactors":
      return [place(n * n), ...inputs];
    default:
      return routine satisfies never;
  }
}
