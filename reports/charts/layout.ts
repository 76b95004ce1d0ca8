/**
 * Small pieces that the charts share: a pixel scale, marks placed by pixel, and the fixed shapes of the engines. The charts lay out
 * their rows themselves, in pixels, because a failed cell needs a row of its own with words in it, which a band scale cannot give.
 */

import type { Field } from "vega-lite/types_unstable/channeldef.js";
import type { LayerSpec } from "vega-lite/types_unstable/spec/layer.js";
import type { UnitSpec } from "vega-lite/types_unstable/spec/unit.js";
import { engineDomain } from "../paradigms.ts";
import type { StyleName } from "../theme.ts";

export type Layer = LayerSpec<Field> | UnitSpec<Field>;
export type Row = Record<string, string | number | boolean | null | readonly string[]>;

export const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";

const SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right", "triangle-left", "stroke"];

export function colour(engines: readonly string[]) {
  return { field: "engine", type: "nominal" as const, scale: { domain: engineDomain(engines) }, legend: null };
}

export function shape(engines: readonly string[]) {
  const domain = engineDomain(engines);
  const range = domain.map((_, i) => SHAPES[i % SHAPES.length] as string);
  return { field: "engine", type: "nominal" as const, scale: { domain, range }, legend: null };
}

/** Places a mark at pixels read from the rows, by no scale: fields named `x`, `y` (and `x2`, `y2` for boxes). */
export function at(...channels: readonly ("x" | "y" | "x2" | "y2")[]): Record<string, { expr: string }> {
  return Object.fromEntries(channels.map((channel) => [channel, { expr: `datum.${channel}` }]));
}

/** A layer of text lines at (x, y) from fields `x`, `y`, `text`. Nothing is drawn for no rows. */
export function texts(rows: readonly Row[], style: StyleName, mark: Record<string, unknown> = {}): Layer[] {
  if (rows.length === 0) return [];
  return [
    {
      data: { values: [...rows] },
      mark: { type: "text", style, align: "left", baseline: "middle", lineHeight: 14, ...at("x", "y"), ...mark },
      encoding: { text: { field: "text", type: "nominal" } },
    } as Layer,
  ];
}

/** Filled rectangles from fields `x`, `x2`, `y`, `y2`. */
export function boxes(
  rows: readonly Row[],
  style: StyleName,
  mark: Record<string, unknown> = {},
  encoding: Record<string, unknown> = {},
): Layer[] {
  if (rows.length === 0) return [];
  return [{ data: { values: [...rows] }, mark: { type: "rect", style, ...at("x", "y", "x2", "y2"), ...mark }, encoding } as Layer];
}
