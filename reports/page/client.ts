/**
 * What runs in the reader's browser: each chart is drawn again by Vega, with tooltips and export, in the colours of the reader's
 * mode, over the still picture that the page already shows. Without JavaScript the stills remain. The libraries are inside the page,
 * and Vega evaluates expressions by its interpreter, so the page needs neither network nor `eval`.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { scriptSource } from "./markup.ts";

const require = createRequire(import.meta.url);

const entries = { vega: require.resolve("vega"), "vega-lite": require.resolve("vega-lite"), "vega-embed": require.resolve("vega-embed") };

/** The browser bundles of Vega, Vega-Lite and Vega-Embed, as source texts in the order in which they must run. */
export function libraries(): string[] {
  return Object.entries(entries).map(([name, entry]) => {
    const folder = entry.slice(0, entry.lastIndexOf(join("node_modules", name)));
    return scriptSource(readFileSync(join(folder, "node_modules", name, "build", `${name}.min.js`), "utf8"));
  });
}

export const CLIENT = scriptSource(`
(async () => {
  const { specs, configs } = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const draw = async () => {
    await Promise.all(["400 12px Inter", "600 12px Inter"].map((font) => document.fonts.load(font)));
    let drawn = 0;
    for (const [name, spec] of Object.entries(specs)) {
      const box = document.getElementById("draw-" + name);
      await vegaEmbed(box, { ...spec, config: configs[dark.matches ? "dark" : "light"] }, {
        ast: true,
        renderer: "svg",
        downloadFileName: name,
        actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
      });
      box.closest("figure").classList.add("drawn");
      drawn++;
    }
    document.documentElement.dataset.chartsDrawn = String(drawn);
  };
  dark.addEventListener("change", draw);
  await draw();
})();
const open = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", open);
open();
`);
