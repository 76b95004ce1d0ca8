/**
 * The engine interface: what each paradigm offers to the harness. An engine is given a program (a function in TypeScript source)
 * and example arguments, and prepares whatever it needs ahead of time; the tape needs nothing, the others build and compile.
 */
import type { Node as SyntaxNode } from "oxc-parser";
import type { Span } from "../core/base/span.ts";
import type { Tensor } from "../core/tensor/tensor.ts";
import type { Picture } from "./picture/picture.ts";

export type EngineName = "tape" | "graph" | "program-transform";

/** Arguments and results: numbers and tensors inside arrays and records; strings, booleans and null are constants. */
export type Tree = number | string | boolean | null | undefined | Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** What a program may need of an engine; a case that needs what an engine lacks is reported as unsupported, not run. */
export type Feature =
  | "data-dependent-control-flow"
  | "recursion"
  | "closures"
  | "nested-derivatives"
  | "higher-order"
  | "forward-mode"
  | "symbolic-batch";

/** The derivative operators that programs may call, on functions of numbers, arrays, records and tensors. */
export interface Intrinsics {
  /** Gradient of a scalar-valued function with respect to its first argument, shaped like that argument. */
  grad(f: (...args: never[]) => unknown): (...args: unknown[]) => unknown;
  /** As `grad`, giving `[value, gradient]`. */
  valueAndGrad(f: (...args: never[]) => unknown): (...args: unknown[]) => [unknown, unknown];
  /** `[f(x), ct => J(x)ᵀ ct]`. */
  vjp(f: (x: never) => unknown, x: unknown): [unknown, (ct: unknown) => unknown];
  /** `[f(x), J(x) dx]`. */
  jvp(f: (x: never) => unknown, x: unknown, dx: unknown): [unknown, unknown];
  /** The value, with all derivatives zero. */
  stopGradient(x: unknown): unknown;
  /** The function, of which engines that can keep only the arguments for the way back, and compute the rest again. */
  checkpoint<F>(f: F): F;
}

/** A source file as its statements; refused before where the language that is loaded ends. */
export interface ParsedSource {
  readonly file: string;
  readonly body: readonly SyntaxNode[];
  spanAt(offset: number): Span;
}

export interface Sources {
  /** Throws the first refusal, at its place. */
  parse(file: string, source: string | undefined): ParsedSource;
  /** Where an import leads: a file of the user, or a module of the project's own, which is running. */
  resolve(
    specifier: string,
    from: string,
    at: Span,
  ): { readonly kind: "source"; readonly path: string } | { readonly kind: "runtime"; readonly module: Readonly<Record<string, unknown>> };
}

/** A function in source form. Engines that parse read `source`; engines that overload operators run `overloaded`. */
export interface Program {
  readonly file: string;
  readonly exportName: string;
  /** Text of the file. */
  readonly source: string;
  /** Where the function begins: the place of errors about its result. */
  readonly span?: Span | undefined;
  /** The syntax of the program and of what it imports, for engines that read it. */
  readonly sources: Sources;
  /** The function, loaded with operators overloaded and with the given derivative operators bound to its free names. */
  overloaded(intrinsics: Intrinsics): (...args: unknown[]) => unknown;
}

/** Milliseconds of ahead-of-time work. Engines leave out what they do not do. */
export interface PreparePhases {
  readonly trace?: number;
  readonly transform?: number;
  readonly optimise?: number;
  readonly compile?: number;
}

/** What one evaluation recorded or planned, for the reports. */
export interface EngineCounts {
  /** Operations recorded per step (tape), or nodes of the program representation. */
  readonly tapeNodes?: number;
  readonly irNodes?: number;
  /** Largest number of bytes kept for the backward pass. */
  readonly savedBytes?: number;
}

/** What a program is at one step on the way to its gradient, as text for a reader, and as a picture where it is a graph. */
export interface Stage {
  readonly title: string;
  readonly text: string;
  /** With times of the nodes, where `measure` is true and the stage is one that runs. */
  readonly picture?: (measure: boolean) => Picture;
}

/** A value of a run that is watched. */
export interface WatchedValue {
  /** Of the node that computed it. */
  readonly name: string;
  /** Where in the user's program; of a part of a derivative, that of what it is the derivative of, which `about` names. */
  readonly span: Span | undefined;
  readonly about: string | undefined;
  /** The turns of the loops around, from the outermost. */
  readonly turns: readonly { readonly loop: string; readonly turn: number }[];
  /** Undefined for a number. */
  readonly shape: readonly number[] | undefined;
  /** Row-major. */
  readonly values: ArrayLike<number>;
  /** Name, turns, first elements and range, in a line. */
  readonly text: string;
}

/** What a run is watched for. */
export interface Watching {
  /** Ends the run with an error at the first value that holds a NaN (`nan`), or an infinity too (`nonfinite`). */
  readonly stopOn?: "nan" | "nonfinite" | undefined;
  /** Nodes by their names: an expression, or words in which `*` is anything within a part and `**` anything. */
  readonly watch?: { readonly pattern: RegExp | string; readonly onValue: (value: WatchedValue) => void } | undefined;
}

/**
 * A program made ready. All results are owned by the current `scope`. `wrt` lists the arguments that are differentiated;
 * gradients have one entry per argument, shaped like it, and `null` for arguments (and leaves) that are not differentiated.
 */
export interface Prepared {
  readonly phases: PreparePhases;
  value(args: readonly Tree[]): Tree;
  /** Throws an `unsupported`/`type` error where the result is not one number or one tensor of one element. */
  valueAndGrad(args: readonly Tree[]): { value: Tree; grad: readonly Tree[] };
  /** As `valueAndGrad`, one node at a time under watch; not of engines without nodes that have names. */
  watched?(args: readonly Tree[], watching: Watching): { value: Tree; grad: readonly Tree[] };
  /** `cotangent` is shaped like the result. */
  vjp(args: readonly Tree[], cotangent: Tree): { value: Tree; grad: readonly Tree[] };
  /** `tangents` has one entry per argument; entries outside `wrt` are ignored. */
  jvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; tangent: Tree };
  /** Hessian-vector product of a scalar program, forward over reverse: one entry per argument. */
  hvp(args: readonly Tree[], tangents: readonly Tree[]): { value: Tree; grad: readonly Tree[]; hvp: readonly Tree[] };
  /** f(x), f'(x), ..., f^(order)(x) of a scalar function of one number, by applying the gradient operator repeatedly. */
  derivatives(x: number, order: number): readonly number[];
  counts(): EngineCounts;
  /** What becomes of the program on the way to its gradient at these arguments, in order. */
  stages(args: readonly Tree[]): readonly Stage[];
}

export interface Engine {
  readonly name: EngineName;
  readonly features: ReadonlySet<Feature>;
  readonly intrinsics: Intrinsics;
  prepare(program: Program, example: readonly Tree[], wrt: readonly number[]): Prepared;
}
