/** What a command file is given: where to print, how to set the exit code, and the command line as it was typed. */
import type { Command } from "commander";
import type { Output } from "./output.ts";

export interface Context {
  readonly output: Output;
  /** Sets the exit code of a command that ends without an error. */
  readonly finish: (code: number) => void;
  readonly argv: readonly string[];
}

export type CommandMaker = (context: Context) => Command;
