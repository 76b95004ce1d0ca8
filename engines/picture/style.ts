/** How the page of a picture looks, by day and by night. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fafaf8; --ink: #1d2126; --soft: #68707a; --rule: #d9dbd6; --box: #ffffff; --box-rule: #9aa2ab;
  --group: #eceff3; --group-rule: #b4bcc6; --derived: #d9e6fb; --derived-back: #eef4fd; --constant: #f3efe2; --accent: #0b62d6; --into: #0b62d6; --from: #b4480a; --hot: #e8590c;
  --family0: #ffd8a8; --family1: #d3c4f7; --family2: #e3e6ea; --family3: #ffc9d6; --family4: #c9ecd4; --edge: #8d959e; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e7e9ec; --soft: #98a1ab; --rule: #33383e; --box: #24282d; --box-rule: #666f79;
  --group: #2c3138; --group-rule: #515963; --derived: #1f3a5f; --derived-back: #1a2431; --constant: #37321f; --accent: #74aefc; --into: #74aefc; --from: #ffa36b; --hot: #e8590c;
  --family0: #6b4a1c; --family1: #463a70; --family2: #3a3f46; --family3: #6b2f42; --family4: #23513a; --edge: #707983; } }
* { box-sizing: border-box; }
html, body { margin: 0; height: 100%; }
body { display: grid; grid-template: auto 1fr auto / 1fr 320px; font: 13px/1.45 ui-sans-serif, system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { grid-column: 1 / -1; display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding: 8px 14px; border-bottom: 1px solid var(--rule); }
h1 { font-size: 14px; margin: 0; }
#tabs { display: flex; flex-wrap: wrap; gap: 2px; padding: 2px; border-radius: 8px; background: color-mix(in oklab, var(--ink) 7%, transparent); }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--rule); border-radius: 6px; padding: 2px 9px; cursor: pointer; }
button:hover { border-color: var(--soft); }
button:focus-visible, input:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#tabs button { border: 0; } #tabs button[aria-selected="true"] { background: var(--box); box-shadow: 0 1px 2px #0003; font-weight: 600; }
#modes { display: flex; } #modes button { border-radius: 0; margin-left: -1px; } #modes button:first-child { border-radius: 6px 0 0 6px; } #modes button:last-child { border-radius: 0 6px 6px 0; }
#modes button[aria-pressed="true"] { background: var(--ink); color: var(--paper); border-color: var(--ink); }
.space { flex: 1; }
main { position: relative; overflow: hidden; min-width: 0; min-height: 0; }
svg { display: block; width: 100%; height: 100%; cursor: grab; touch-action: none; user-select: none; }
svg:active { cursor: grabbing; }
.box rect { stroke: var(--box-rule); stroke-width: 1; fill: var(--box); }
.box { cursor: pointer; }
.box.group rect { stroke: var(--group-rule); } .box.open > rect { fill: color-mix(in oklab, var(--group) 45%, transparent); }
.box .stack { fill: var(--group); }
.box.result rect { stroke-width: 2; } .box.input rect { stroke-dasharray: none; }
.label { font: 500 12px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); } .group .label { font-weight: 600; }
.small { font: 10px ui-sans-serif, system-ui, sans-serif; fill: var(--soft); }
.hot .label { fill: #1d1206; } .hot .small { fill: #3a2412; }
.far .small { display: none; } .farther .label { display: none; }
.edge { fill: none; stroke: var(--edge); opacity: 0.75; } .edge.dotted { stroke-dasharray: 2 4; }
.edge.fan { opacity: 0.13; }
.edge:hover { stroke: var(--accent); opacity: 1; stroke-width: 2.5; }
.edge.into { stroke: var(--into); opacity: 1; } .edge.from { stroke: var(--from); opacity: 1; }
.choosing .edge:not(.into, .from) { opacity: 0.22; } .choosing .box:not(.chosen, .near, .open) { opacity: 0.45; }
.box.chosen > rect { stroke: var(--accent); stroke-width: 2.5; }
#tip path { fill: var(--edge); } #tip-lit path { fill: var(--ink); }
aside { border-left: 1px solid var(--rule); overflow: auto; padding: 12px 14px; min-height: 0; }
#search { width: 100%; font: inherit; color: inherit; background: var(--box); border: 1px solid var(--rule); border-radius: 6px; padding: 5px 9px; }
#found { list-style: none; margin: 6px 0; padding: 0; max-height: 34vh; overflow: auto; } #found:empty { display: none; }
h2 { font-size: 15px; margin: 12px 0 0; overflow-wrap: anywhere; } h3 { font-size: 11px; margin: 12px 0 2px; color: var(--soft); text-transform: uppercase; letter-spacing: 0.05em; }
.name, .hint { color: var(--soft); margin: 2px 0 8px; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 3px 10px; margin: 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
code { font: 12px ui-monospace, monospace; background: color-mix(in oklab, var(--ink) 7%, transparent); border-radius: 4px; padding: 2px 5px; display: block; overflow-x: auto; white-space: pre; }
ul { margin: 0; padding-left: 0; list-style: none; } #details li { padding: 1px 0; overflow-wrap: anywhere; }
.link { border: 0; padding: 0; color: var(--accent); text-align: left; overflow-wrap: anywhere; } .link:hover { text-decoration: underline; } .type { color: var(--soft); }
footer { grid-column: 1 / -1; border-top: 1px solid var(--rule); padding: 5px 14px; color: var(--soft); min-height: 29px; }
#legend { display: flex; flex-wrap: wrap; gap: 4px 16px; } #legend i { display: inline-block; width: 26px; height: 11px; border: 1px solid var(--box-rule); border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
[hidden] { display: none !important; }
@media (max-width: 760px) { body { grid-template: auto 1fr 40vh auto / 1fr; } aside { border-left: 0; border-top: 1px solid var(--rule); } }
`;
