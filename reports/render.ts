/**
 * Draws a Vega-Lite spec as SVG and PNG, in Node and without a canvas. A warning of the compiler or of the view fails the build: a
 * chart that Vega complains about is a chart that misleads. The PNG is drawn from the SVG with the shipped fonts alone.
 */
import { Resvg } from "@resvg/resvg-js";
import * as vega from "vega";
import { compile } from "vega-lite";
import { ReportError } from "./failure.ts";
import { fontFiles, textWidth } from "./fonts.ts";
import { type Mode, themed, type VegaLiteSpec } from "./theme.ts";

interface MeasuredText {
  readonly text?: unknown;
  readonly fontSize?: number;
  readonly fontWeight?: number | string;
}

/** Vega's own hook for text widths; it is not in its published types. */
const { textMetrics } = vega as unknown as { textMetrics: { width: (item: MeasuredText, text?: unknown) => number } };
textMetrics.width = (item, text) => {
  const lines = Array.isArray(text ?? item.text) ? ((text ?? item.text) as unknown[]) : [text ?? item.text ?? ""];
  const weight = item.fontWeight === "bold" || Number(item.fontWeight) >= 550 ? "semiBold" : "regular";
  return Math.max(0, ...lines.map((line) => textWidth(String(line ?? ""), item.fontSize ?? 11, weight)));
};

export async function renderSvg(spec: VegaLiteSpec, mode: Mode, name: string): Promise<string> {
  const complaints: string[] = [];
  const logger = collectingLogger(complaints);
  const compiled = compile(themed(spec, mode), { logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logger, logLevel: vega.Warn });
  const svg = await view.toSVG();
  view.finalize();
  if (complaints.length > 0) {
    throw new ReportError("runtime", `chart ${name} is not drawn cleanly: ${complaints.join("; ")}`, "please report this as a bug");
  }
  return `${svg}\n`;
}

/** Twice the size of the SVG, so that it stays sharp on slides. */
export function renderPng(svg: string): Buffer {
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: {
      loadSystemFonts: false,
      fontFiles: [fontFiles.regular, fontFiles.semiBold, fontFiles.fallback],
      defaultFontFamily: "Inter",
      sansSerifFamily: "Inter",
    },
  });
  return image.render().asPng();
}

function collectingLogger(complaints: string[]): vega.LoggerInterface {
  const logger: vega.LoggerInterface = {
    level(value?: number) {
      return (value === undefined ? vega.Warn : logger) as never;
    },
    warn(...words: readonly unknown[]) {
      complaints.push(words.map(String).join(" "));
      return logger;
    },
    error(...words: readonly unknown[]) {
      complaints.push(words.map(String).join(" "));
      return logger;
    },
    info: () => logger,
    debug: () => logger,
  };
  return logger;
}
