// How the status page looks: light and dark as the system asks, from 320 px on, without a font or a picture from elsewhere.

const LIGHT = `
  --ground: #f5f6f8; --surface: #ffffff; --raised: #f0f2f5; --text: #14171c; --soft: #566070; --edge: #dde1e7;
  --accent: #2558c9; --on-accent: #ffffff; --tint: #e7eefc; --good: #14713c; --good-tint: #e2f4e9;
  --warn: #7a4f00; --warn-tint: #fff3d9; --bad: #a8231b; --bad-tint: #fdeae8; --second: #a2471b;
  --shadow: 0 1px 2px #1118270d, 0 1px 8px #1118270a;`;

const DARK = `
  --ground: #0e1115; --surface: #161a20; --raised: #1f252d; --text: #e9ecf1; --soft: #9ca6b4; --edge: #2a313b;
  --accent: #82aaff; --on-accent: #0c1424; --tint: #1b2740; --good: #63d297; --good-tint: #12291d;
  --warn: #f2c36b; --warn-tint: #2b2313; --bad: #ff8f86; --bad-tint: #2f1817; --second: #f2a37b;
  --shadow: none;`;

export const PAGE_STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 74rem; margin: 0 auto; padding: 0 1.25rem; }
main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
h1, h2, p, dl, dd, ol, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 1.3rem; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1rem; }
ol, ul { list-style: none; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--raised); padding: .1em .35em; border-radius: 4px; }
[hidden] { display: none !important; }
.sub { color: var(--soft); font-size: .87rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -100vw; top: .5rem; background: var(--surface); padding: .5rem 1rem; border-radius: 8px; z-index: 2; }
.skip:focus { left: .5rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
#tables:focus { outline: none; }

header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem; padding-top: 1.25rem; padding-bottom: 1.25rem; }
.name { display: flex; align-items: center; gap: .8rem; min-width: 0; }
.name .sub { display: flex; flex-wrap: wrap; gap: 0 .9rem; }
.link::before { content: ""; display: inline-block; width: .55rem; height: .55rem; margin-right: .4rem; border-radius: 50%; background: var(--soft); }
[data-link=live] .link { color: var(--good); } [data-link=live] .link::before { background: var(--good); }
[data-link=lost] .link { color: var(--bad); } [data-link=lost] .link::before { background: var(--bad); }
[data-link=over] .link::before { background: var(--good); }
.actions { display: flex; flex-wrap: wrap; gap: .6rem; }
button { font: inherit; font-weight: 600; min-height: 2.5rem; padding: .35rem 1.1rem; color: var(--text); background: var(--surface); border: 1px solid var(--edge); border-radius: 9px; cursor: pointer; box-shadow: var(--shadow); }
button:hover:not(:disabled) { background: var(--raised); }
button.primary { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
button.primary:hover:not(:disabled) { background: var(--accent); filter: brightness(1.08); }
button:disabled { color: var(--soft); background: var(--raised); border-color: var(--edge); box-shadow: none; cursor: not-allowed; }
button.small { min-height: 1.9rem; padding: .1rem .7rem; font-size: .85rem; box-shadow: none; }
select, input { font: inherit; color: var(--text); background: var(--surface); border: 1px solid var(--soft); border-radius: 8px; min-height: 2.4rem; padding: .3rem .7rem; width: 100%; }
input::placeholder { color: var(--soft); opacity: 1; }

.panel { background: var(--surface); border: 1px solid var(--edge); border-radius: 14px; box-shadow: var(--shadow); padding: 1rem 1.15rem; min-width: 0; }
.note { border-radius: 12px; padding: .7rem 1rem; background: var(--warn-tint); color: var(--warn); font-weight: 500; overflow-wrap: anywhere; }
.note.good { background: var(--good-tint); color: var(--good); }
.note.bad { background: var(--bad-tint); color: var(--bad); }
.note p { font-weight: 400; color: var(--text); }
.note.plain { background: var(--tint); color: var(--text); font-weight: 400; }
.note.plain div + div { margin-top: .25rem; }
.toast:empty { display: none; }
.toast { position: fixed; right: 1rem; bottom: 1rem; max-width: min(28rem, calc(100vw - 2rem)); z-index: 3; padding: .7rem 1rem; border-radius: 10px; background: var(--text); color: var(--surface); font-weight: 500; }

.stages { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: .25rem; padding: 1.1rem .9rem .9rem; }
.stages li { position: relative; padding-top: 1.75rem; font-size: .87rem; text-align: center; color: var(--soft); }
.stages li::before { content: ""; position: absolute; top: 0; left: 50%; width: 1.25rem; height: 1.25rem; margin-left: -.625rem; border-radius: 50%; border: 2px solid var(--edge); background: var(--surface); z-index: 1; }
.stages li + li::after { content: ""; position: absolute; top: .55rem; right: 50%; width: 100%; height: 2px; background: var(--edge); }
.stages li.done::before { background: var(--good); border-color: var(--good); }
.stages li.done + li::after { background: var(--good); }
.stages li.now { color: var(--text); }
.stages li.now::before { border-color: var(--accent); box-shadow: inset 0 0 0 3px var(--surface), inset 0 0 0 1rem var(--accent); }
.stages li b { display: block; font-weight: 600; color: inherit; }
.stages li.done b { color: var(--text); }
.stages .tick { position: absolute; top: .3rem; left: 50%; width: .75rem; height: .65rem; margin-left: -.375rem; z-index: 2; fill: none; stroke: var(--surface); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
@media (prefers-reduced-motion: no-preference) { .stages li.now::before { animation: breathe 2s ease-in-out infinite; } .fill { transition: width .5s linear; } }
@keyframes breathe { 50% { border-color: var(--tint); } }

.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; }
.numbers div { background: var(--surface); border: 1px solid var(--edge); border-radius: 14px; box-shadow: var(--shadow); padding: .9rem 1.15rem; min-width: 0; }
.numbers dt { color: var(--soft); font-size: .87rem; }
.numbers .big { font-size: 1.75rem; line-height: 1.3; font-weight: 650; letter-spacing: -.02em; }
.numbers .big small { font-size: .95rem; font-weight: 500; color: var(--soft); letter-spacing: 0; margin-left: .25rem; }
.numbers .bad .big { color: var(--bad); }
.track { display: block; height: .45rem; margin: .35rem 0 .25rem; border-radius: 9px; background: var(--raised); overflow: hidden; }
.fill { display: block; height: 100%; border-radius: 9px; background: var(--accent); }
.fill.done { background: var(--good); }

.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; font-weight: 600; }
.legend { display: flex; gap: .9rem; font-weight: 400; font-size: .85rem; color: var(--soft); }
.legend i { display: inline-block; width: 1.1rem; border-top: 2px solid var(--accent); margin-right: .35rem; vertical-align: middle; }
.legend i.second { border-top: 2px dashed var(--second); }
.chart .reading { color: var(--soft); font-size: .87rem; }
.plot { height: 11rem; margin-top: .4rem; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot .empty { display: grid; place-items: center; height: 100%; color: var(--soft); }
.plot line { stroke: var(--edge); stroke-width: 1; }
.plot text { fill: var(--soft); font-size: 11px; }
.plot .line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.plot .line.second { stroke: var(--second); stroke-dasharray: 5 4; }
.plot .area { fill: var(--tint); opacity: .7; }

.bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; margin-bottom: .5rem; }
.filter { width: 16rem; max-width: 100%; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--edge); vertical-align: middle; }
thead th { border-top: 0; color: var(--soft); font-size: .82rem; font-weight: 500; padding-top: 0; }
tbody th { font-weight: 550; overflow-wrap: anywhere; }
td:nth-child(3) { width: 30%; }
.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
td.act { width: 1%; text-align: right; padding-left: .75rem; }
td .track { margin: 0; }
.state { display: inline-block; padding: .05rem .55rem; border-radius: 99px; font-size: .82rem; background: var(--raised); color: var(--soft); white-space: nowrap; }
.state.copying, .state.catching { background: var(--tint); color: var(--accent); }
.state.following, .state.well { background: var(--good-tint); color: var(--good); }
.state.waiting, .state.skipped, .state.recovering { background: var(--warn-tint); color: var(--warn); }
.state.unwell { background: var(--bad-tint); color: var(--bad); }
#more:not(:empty) { margin-top: .6rem; }
.beside ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 0 1.5rem; margin-top: .4rem; }
.beside li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; padding: .45rem 0; border-top: 1px solid var(--edge); }
.beside ul.wide { grid-template-columns: minmax(0, 1fr); }
.beside .bar { margin-bottom: 0; }
.beside .acts { display: flex; flex-wrap: wrap; gap: .4rem; margin-left: auto; }
.beside pre { flex-basis: 100%; margin: .3rem 0; padding: .7rem; background: var(--raised); border-radius: 8px; overflow-x: auto; font: .82rem ui-monospace, Menlo, Consolas, monospace; }
.beside b { font-weight: 550; overflow-wrap: anywhere; }
footer { padding-top: 1.25rem; padding-bottom: 2rem; color: var(--soft); font-size: .87rem; }

dialog { width: min(30rem, calc(100vw - 2rem)); padding: 1.4rem; color: var(--text); background: var(--surface); border: 1px solid var(--edge); border-radius: 16px; box-shadow: 0 20px 60px #0006; }
dialog::backdrop { background: #0008; }
dialog form { display: grid; gap: .9rem; }
dialog h2 { font-size: 1.15rem; }
dialog label { display: grid; gap: .3rem; font-size: .9rem; color: var(--soft); }
dialog .fields { display: grid; gap: .7rem; } dialog .fields:empty { display: none; }
dialog label strong { color: var(--text); overflow-wrap: anywhere; }
dialog #confirm-type { display: block; } dialog #confirm-type input { margin-top: .3rem; }
dialog .actions { justify-content: flex-end; }

@media (max-width: 52rem) {
  .stages { grid-template-columns: minmax(0, 1fr); gap: 0; padding: .9rem 1.15rem; }
  .stages li { display: flex; justify-content: space-between; text-align: left; padding: .3rem 0 .3rem 2rem; }
  .stages li::before { top: .4rem; left: 0; margin: 0; }
  .stages li + li::after { top: -.85rem; left: .56rem; right: auto; width: 2px; height: 1.3rem; }
  .stages .tick { top: .7rem; left: .25rem; margin: 0; }
  .charts { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 40rem) {
  header, main, footer { padding-left: .9rem; padding-right: .9rem; }
  header .actions, .filter { width: 100%; } header .actions button { flex: 1; }
  .numbers { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem; }
  .numbers div { padding: .75rem .85rem; } .numbers .big { font-size: 1.3rem; } .numbers .big small { display: block; margin: 0; font-size: .87rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem .75rem; padding: .6rem 0; border-top: 1px solid var(--edge); }
  tbody th, tbody td { border: 0; padding: 0; } tbody td:nth-child(3) { grid-column: 1 / -1; width: auto; padding: .2rem 0; }
  tbody td:nth-child(4) { text-align: left; font-size: .87rem; } tbody td:nth-child(5) { font-size: .87rem; }
  td.act { grid-column: 1 / -1; width: auto; padding: .2rem 0 0; }
}
@media (forced-colors: active) { .fill { background: Highlight; } .link::before, .stages li::before { forced-color-adjust: none; } }
`;
