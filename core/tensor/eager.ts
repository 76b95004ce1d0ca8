/**
 * The eager path: one application of a primitive to tensors, computed at once. Everything that depends only on avals and
 * parameters (the result's aval, kernels, geometry) is prepared once and found again by the identity of the interned avals: a
 * small operation in steady state is one look-up, one buffer from the pool, one kernel call, one `Tensor`.
 */
import { type Aval, aval } from "../base/aval.ts";
import { type DType, isFloat, promote, sizeOf } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import type { Device, Runnable } from "../device/device.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { opcodeOf } from "../primitives/table.ts";
import { createTensor, currentDevice, Storage, Tensor } from "./tensor.ts";

/** A prepared application. No runs: the result shares the storage of input 0. `only`: the one run, where it cannot fail. */
interface Prepared {
  readonly out: Aval;
  readonly bytes: number;
  readonly runs: readonly Runnable[];
  readonly only: Runnable | undefined;
}

/** The prepared applications of one primitive on one device, with the last one used at hand. */
interface Site {
  device: Device;
  a: Aval | undefined;
  b: Aval | undefined;
  last: Prepared | undefined;
  /** By the avals of the inputs, for each form of the parameters. */
  readonly byParams: Map<string, Map<string | number, Prepared>>;
  /** Those without parameters. */
  readonly bySignature: Map<string | number, Prepared>;
  signatures: number;
}

/** Beyond this many signatures of one primitive the table starts anew, so that ever-changing shapes do not fill memory. */
const MAX_SIGNATURES = 4096;
const ID_RANGE = 2 ** 26;

const sites: (Site | undefined)[] = [];

function siteOf(primitive: AnyPrimitive, device: Device): Site {
  const opcode = opcodeOf.get(primitive) as number;
  let site = sites[opcode];
  if (site === undefined || site.device !== device) {
    if (site !== undefined) empty(site);
    site = { device, a: undefined, b: undefined, last: undefined, byParams: new Map(), bySignature: new Map(), signatures: 0 };
    sites[opcode] = site;
  }
  return site;
}

function prepare(
  site: Site,
  params: { readonly key: string; readonly value: unknown } | undefined,
  signature: string | number,
  primitive: AnyPrimitive,
  inputs: readonly Tensor[],
): Prepared {
  const avals = inputs.map((t) => t.aval);
  const out = primitive.inferAval(avals, params?.value);
  const launches = primitive.lower(avals, out, params?.value);
  const runs = launches.map((l) => site.device.prepare(l));
  // A launch that reads indices may find one out of range and throw; those go the way that returns the buffer then.
  const checked = launches.some((l) => l.kind === "kernel" && l.geometry.indirect.some((i) => i !== undefined));
  const prepared = { out, bytes: out.size * sizeOf(out.dtype), runs, only: runs.length === 1 && !checked ? runs[0] : undefined };
  if (site.signatures === MAX_SIGNATURES) empty(site);
  site.signatures++;
  (params === undefined ? site.bySignature : tableOf(site, params.key)).set(signature, prepared);
  return prepared;
}

/** Forgets all prepared applications. */
function empty(site: Site): void {
  for (const table of [site.bySignature, ...site.byParams.values()]) {
    for (const { runs } of table.values()) for (const run of runs) site.device.forget(run);
    table.clear();
  }
  site.byParams.clear();
  site.signatures = 0;
  site.last = undefined;
  site.a = undefined;
}

function onDevice(t: Tensor, device: Device): void {
  if (t.references > 0 && t.storage.device === device) return;
  t.check();
  throw mismatch(
    `a tensor on device ${t.storage.device.name} is used while ${device.name} is the current device`,
    "make all tensors after useDevice(...)",
  );
}

/** Applies a primitive without parameters to one tensor. */
export function eager1(primitive: AnyPrimitive, x: Tensor): Tensor {
  const device = currentDevice();
  onDevice(x, device);
  const site = siteOf(primitive, device);
  let p = site.last;
  if (p === undefined || site.a !== x.aval || site.b !== undefined) {
    p = site.bySignature.get(x.aval.id) ?? prepare(site, undefined, x.aval.id, primitive, [x]);
    site.a = x.aval;
    site.b = undefined;
    site.last = p;
  }
  if (p.only === undefined) return eagerSlow(device, p, [x]);
  const storage = new Storage(device, p.bytes);
  p.only(storage.address, x.storage.address);
  return new Tensor(p.out, storage);
}

/** Applies a primitive without parameters to two tensors. */
export function eager2(primitive: AnyPrimitive, x: Tensor, y: Tensor): Tensor {
  const device = currentDevice();
  onDevice(x, device);
  onDevice(y, device);
  const site = siteOf(primitive, device);
  let p = site.last;
  if (p === undefined || site.a !== x.aval || site.b !== y.aval) {
    const key = x.aval.id * ID_RANGE + y.aval.id;
    p = site.bySignature.get(key) ?? prepare(site, undefined, key, primitive, [x, y]);
    site.a = x.aval;
    site.b = y.aval;
    site.last = p;
  }
  if (p.only === undefined) return eagerSlow(device, p, [x, y]);
  const storage = new Storage(device, p.bytes);
  p.only(storage.address, x.storage.address, y.storage.address);
  return new Tensor(p.out, storage);
}

/** Applies any primitive to any number of tensors. */
export function eagerN(primitive: AnyPrimitive, inputs: readonly Tensor[], params: unknown): Tensor {
  const device = currentDevice();
  for (const t of inputs) onDevice(t, device);
  const site = siteOf(primitive, device);
  const form = params === undefined ? undefined : { key: primitive.paramsKey(params), value: params };
  const key = signatureOf(inputs);
  const known = (form === undefined ? site.bySignature : site.byParams.get(form.key))?.get(key);
  return eagerSlow(device, known ?? prepare(site, form, key, primitive, inputs), inputs);
}

function tableOf(site: Site, params: string): Map<string | number, Prepared> {
  let table = site.byParams.get(params);
  if (table === undefined) {
    table = new Map();
    site.byParams.set(params, table);
  }
  return table;
}

/** Number keys for one and two inputs, as `eager1` and `eager2` use them. */
function signatureOf(inputs: readonly Tensor[]): string | number {
  const [x, y] = inputs;
  if (inputs.length === 1) return (x as Tensor).aval.id;
  if (inputs.length === 2) return (x as Tensor).aval.id * ID_RANGE + (y as Tensor).aval.id;
  return inputs.map((t) => t.aval.id).join("|");
}

function eagerSlow(device: Device, p: Prepared, inputs: readonly Tensor[]): Tensor {
  if (p.runs.length === 0) {
    const shared = (inputs[0] as Tensor).storage;
    shared.holders++;
    return new Tensor(p.out, shared);
  }
  const storage = new Storage(device, p.bytes);
  const addresses = inputs.map((t) => t.storage.address);
  try {
    for (const run of p.runs) run(storage.address, ...addresses);
  } catch (error) {
    device.free(storage.address, storage.bytes);
    throw error;
  }
  return new Tensor(p.out, storage);
}

/** Numbers that operations met beside tensors, as tensors of shape []; the oldest of a dtype is dropped beyond the limit. */
const MAX_CONSTANTS = 512;
const constants: Record<DType, Map<number, Tensor>> = { f32: new Map(), f64: new Map(), i32: new Map(), bool: new Map() };
let constantsDevice: Device | undefined;

/** A tensor [] of a number, kept for reuse. Owned by the table: never release it. */
export function constantTensor(value: number, dtype: DType): Tensor {
  const device = currentDevice();
  if (constantsDevice !== device) {
    releaseConstants();
    constantsDevice = device;
  }
  // A Map takes -0 for 0; the scope owns the rare tensor of -0.
  if (Object.is(value, -0)) return createTensor([value], [], dtype);
  const table = constants[dtype];
  let t = table.get(value);
  if (t === undefined) {
    t = unowned(value, dtype);
    if (table.size >= MAX_CONSTANTS) {
      const oldest = table.keys().next().value as number;
      (table.get(oldest) as Tensor).release();
      table.delete(oldest);
    }
    table.set(value, t);
  }
  return t;
}

function unowned(value: number, dtype: DType): Tensor {
  const t = createTensor([value], [], dtype);
  t.retain(); // The scope's hold ends with the scope; this one is the table's.
  if (t.owner === 0) t.references = 1;
  return t;
}

/** Empties the table of constants, so that live bytes can be compared. */
export function releaseConstants(): void {
  for (const table of Object.values(constants)) {
    for (const t of table.values()) t.release();
    table.clear();
  }
}

/**
 * The dtype that a bare number takes beside tensors: theirs. An integer of 32 bits beside i32 stays i32; others beside i32 or bool
 * have no dtype of their own, and are refused rather than guessed.
 */
export function weakDType(value: number, tensors: readonly { readonly aval: Aval }[]): DType {
  const dtype = tensors.map((t) => t.aval.dtype).reduce(promote);
  if (isFloat(dtype) || (dtype === "i32" && (value | 0) === value)) return dtype;
  throw mismatch(
    `the number ${value} stands beside a tensor of dtype ${dtype} only, so its dtype is open`,
    'convert the tensor with cast(x, "f32") or cast(x, "f64")',
  );
}

/** A fresh tensor [] of a number, owned by the current scope. */
export function liftNumber(value: number, dtype: DType): Tensor {
  return createTensor([value], aval([], dtype).shape, dtype);
}
