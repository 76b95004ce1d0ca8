/**
 * Colours and type of all charts, as Vega-Lite configs for light and dark paper. Specs name no colour: marks carry a style, engines
 * take the category range in the fixed order of the paradigms, states the ordinal range. So one spec serves both modes. Hues are of
 * the Okabe-Ito family (safe for colour-blind readers); the loudest colour is kept for wrong numbers.
 */
import type { TopLevelSpec } from "vega-lite";
import { FONT_FAMILY } from "./fonts.ts";

export type VegaLiteSpec = TopLevelSpec;
export type Mode = "light" | "dark";

export interface Palette {
  readonly paper: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly track: string;
  readonly alarm: string;
  readonly good: string;
  readonly fair: string;
  /** Tape, graph, program transformation, then peers. */
  readonly engines: readonly string[];
}

export const palettes: Readonly<Record<Mode, Palette>> = {
  light: {
    paper: "#FFFFFF",
    ink: "#1B1F24",
    muted: "#5B6570",
    line: "#DDE1E6",
    track: "#F4F6F8",
    alarm: "#B5257F",
    good: "#D3E6F5",
    fair: "#FBE3C0",
    engines: ["#D55E00", "#0072B2", "#007A5A", "#6F4E9B", "#8C6D1F", "#4C6A78", "#A14B6B", "#5F7A2E", "#7A7A7A"],
  },
  dark: {
    paper: "#11151A",
    ink: "#E6E8EB",
    muted: "#A0A7B0",
    line: "#2C333B",
    track: "#1A2027",
    alarm: "#F277BF",
    good: "#1D3C55",
    fair: "#57401A",
    engines: ["#F09A3E", "#5FB4EA", "#35C79C", "#B79AE0", "#D0B25A", "#8FB1C2", "#DE8FAE", "#A6C46B", "#B0B0B0"],
  },
};

/** Fill styles that the marks of the charts name. */
export type StyleName =
  | "ink"
  | "strong"
  | "muted"
  | "alarm"
  | "guide"
  | "stripe"
  | "paper"
  | "grid"
  | "card"
  | "bar"
  | "whole"
  | "some"
  | "silent"
  | "blank"
  | "onSilent";

export function themeConfig(mode: Mode): NonNullable<TopLevelSpec["config"]> {
  const p = palettes[mode];
  const style: Record<StyleName, Record<string, string | number>> = {
    ink: { color: p.ink },
    strong: { color: p.ink, fontWeight: 600 },
    muted: { color: p.muted },
    alarm: { color: p.alarm, fontWeight: 600 },
    guide: { color: p.muted },
    grid: { color: p.line },
    stripe: { color: p.track },
    paper: { color: p.paper },
    card: { color: p.track },
    bar: { color: p.muted },
    whole: { color: p.good },
    some: { color: p.fair },
    silent: { color: p.alarm },
    onSilent: { color: mode === "light" ? "#FFFFFF" : "#11151A", fontWeight: 600 },
    blank: { color: p.track },
  };
  return {
    background: p.paper,
    font: FONT_FAMILY,
    padding: 18,
    range: { category: [...p.engines] },
    view: { stroke: null },
    text: { color: p.ink, fontSize: 11.5 },
    title: {
      color: p.ink,
      subtitleColor: p.muted,
      fontSize: 16,
      fontWeight: 600,
      subtitleFontSize: 12,
      subtitleLineHeight: 17,
      subtitlePadding: 6,
      anchor: "start",
      frame: "group",
      offset: 16,
      lineHeight: 20,
    },
    axis: {
      labelColor: p.muted,
      titleColor: p.muted,
      gridColor: p.line,
      domainColor: p.line,
      tickColor: p.line,
      labelFontSize: 11.5,
      titleFontSize: 11.5,
      titleFontWeight: 400,
      labelLimit: 400,
    },
    legend: { labelColor: p.ink, labelFontSize: 12, titleColor: p.muted, symbolSize: 80, labelLimit: 400 },
    style,
  };
}

/** The spec as it is stored and drawn: with the theme's config inside. */
export function themed(spec: VegaLiteSpec, mode: Mode): VegaLiteSpec {
  return { ...spec, config: themeConfig(mode) };
}
