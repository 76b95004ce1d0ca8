/** All primitives: the closed set that devices compute and `rules/table.ts` must cover, entry for entry. */
import type { AnyPrimitive } from "../primitive.ts";
import { decompositionPrimitives } from "./decomposition.ts";
import { elementwisePrimitives } from "./elementwise.ts";
import { hostPrimitives } from "./host.ts";
import { indexPrimitives } from "./index.ts";
import { linalgPrimitives } from "./linalg.ts";
import { movementPrimitives } from "./movement.ts";
import { poolingPrimitives } from "./pooling.ts";
import { randomPrimitives } from "./random.ts";
import { reducePrimitives } from "./reduce.ts";
import { sortingPrimitives } from "./sorting.ts";
import { windowPrimitives } from "./window.ts";

export const primitives = {
  ...elementwisePrimitives,
  ...reducePrimitives,
  ...movementPrimitives,
  ...linalgPrimitives,
  ...decompositionPrimitives,
  ...sortingPrimitives,
  ...randomPrimitives,
  ...indexPrimitives,
  ...windowPrimitives,
  ...poolingPrimitives,
  ...hostPrimitives,
};

export type Primitives = typeof primitives;
export type PrimitiveName = keyof Primitives;

export const primitiveNames = Object.keys(primitives) as readonly PrimitiveName[];

/** Opcode of each primitive: its position in the table. Tapes store these. */
export const opcodeOf: ReadonlyMap<AnyPrimitive, number> = new Map(primitiveNames.map((name, i) => [primitives[name], i]));
