/** The stylesheet of report.html: calm, readable in light and dark, on a narrow screen and on paper. Colours are those of the charts. */
import { FONT_FAMILY } from "../fonts.ts";
import { type Mode, palettes } from "../theme.ts";

function variables(mode: Mode): string {
  const p = palettes[mode];
  return `--paper:${p.paper};--ink:${p.ink};--muted:${p.muted};--line:${p.line};--track:${p.track};--alarm:${p.alarm};--accent:${p.engines[1]}`;
}

export const STYLE = `
:root{color-scheme:light dark;${variables("light")}}
@media (prefers-color-scheme:dark){:root{${variables("dark")}}}
@media print{:root{${variables("light")}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 ${FONT_FAMILY}}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 28px}
header{padding-top:44px}
h1{font-size:28px;line-height:1.2;font-weight:600;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:20px;font-weight:600;margin:56px 0 6px}
h3{font-size:15px;font-weight:600;margin:28px 0 4px}
p{margin:6px 0;max-width:76ch}
a{color:var(--accent)}
.sub{color:var(--muted)}
nav{margin:14px 0 0;font-size:14px}
nav a{margin-right:16px;text-decoration:none}
nav a:hover,nav a:focus-visible{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:2px}
.warnings{margin:18px 0 0;padding:10px 16px;background:var(--track);border-left:3px solid var(--muted);border-radius:0 6px 6px 0;list-style:none;font-size:14px;max-width:86ch}
.warnings li{margin:2px 0}
.verdicts{margin:18px 0 0;padding:0;list-style:none;max-width:86ch}
.verdicts li{margin:7px 0}
figure{margin:22px 0 0}
.chart{overflow-x:auto}
.chart svg{max-width:none;height:auto;display:block}
.drawn .still{display:none}
.still .dark{display:none}
@media (prefers-color-scheme:dark){.still .light{display:none}.still .dark{display:block}}
@media print{.still,.drawn .still,.still .light{display:block}.still .dark,.drawn .vega-embed{display:none}}
figcaption{font-size:13px;color:var(--muted);margin-top:4px}
figcaption a{margin-right:10px}
section>details,figure>details{margin:10px 0;border:1px solid var(--line);border-radius:6px;padding:0 14px}
section>details[open],figure>details[open]{padding-bottom:12px}
summary{cursor:pointer;padding:9px 0;font-size:14px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;margin:8px 0;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--muted);white-space:nowrap}
td.number{text-align:right;white-space:nowrap}
td.alarm{color:var(--alarm);font-weight:600}
.tradeoff td{min-width:190px;padding-top:9px;padding-bottom:9px}
.big{font-size:17px;font-weight:600}
.mark{font-weight:600;margin-left:8px}
.small{font-size:12px;color:var(--muted);display:block}
code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--track);padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}
.samples{display:block;margin:6px 0 2px}
.samples circle{fill:var(--accent);fill-opacity:.65}
.samples line{stroke:var(--muted);stroke-dasharray:3 3}
.samples text{fill:var(--muted);font-size:11px}
footer{color:var(--muted);font-size:13px;padding:48px 28px 60px}
@media print{nav,.warnings{break-inside:avoid}figure,tr{break-inside:avoid}details{border:0;padding:0}body{font-size:11px}}
`.trim();
