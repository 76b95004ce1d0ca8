/** How a statement ends. Arms that end differently give a mixture, by their condition. */
import type { Node } from "../ir/graph.ts";
import type { Value } from "./value.ts";

export type Completion =
  | { readonly kind: "next" }
  | { readonly kind: "return"; readonly value: Value }
  | { readonly kind: "break" | "continue"; readonly label: string | undefined }
  | { readonly kind: "mixed"; readonly condition: Node; readonly consequent: Completion; readonly otherwise: Completion };

export const NEXT: Completion = { kind: "next" };

/** Thrown where an arm cannot go on: a `throw` of the program, or a recursive call whose result is not known yet. */
export class Unreachable extends Error {
  readonly reason: string;
  /** By a `throw`. */
  readonly isThrown: boolean;
  constructor(reason: string, isThrown: boolean) {
    super(reason);
    this.reason = reason;
    this.isThrown = isThrown;
  }
}
