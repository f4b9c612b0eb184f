import { runColors } from '../palette.js';

function runVariables(scheme: 'light' | 'dark'): string {
  return runColors.map((color, index) => `--run-${index}:${color[scheme]};`).join('');
}

/** Style sheet of all reports: one column, system fonts, light and dark as the reader's system is set. */
export const styleSheet = `
:root{color-scheme:light dark;--page:#f4f6f8;--card:#fff;--ink:#171b20;--muted:#56606b;--rule:#c9d1d9;--grid:#e9edf1;--good:#00704f;--bad:#a8410b;${runVariables('light')}}
@media (prefers-color-scheme:dark){:root{--page:#0d1014;--card:#161a20;--ink:#e8edf2;--muted:#9ba7b3;--rule:#3a424c;--grid:#252b33;--good:#4fd1a5;--bad:#ffa36b;${runVariables('dark')}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:960px;margin:0 auto;padding:0 20px}
header{padding-top:44px}
.eyebrow{margin:0;color:var(--muted);font-size:.875rem;font-weight:600}
h1{margin:8px 0 14px;font-size:clamp(1.45rem,4.4vw,2.15rem);line-height:1.2;letter-spacing:-.015em;font-weight:700;text-wrap:balance}
header details{margin:0 0 8px}
header details p:first-of-type{margin-top:6px}
header p{margin:0 0 6px;max-width:84ch}
.muted,.note{color:var(--muted);font-size:.875rem}
section{margin:20px 0;padding:22px 20px 18px;background:var(--card);border:1px solid var(--grid);border-radius:12px}
h2{margin:0 0 12px;font-size:1.15rem;line-height:1.3;letter-spacing:-.005em}
section>p:last-child,figure>p:last-child{margin-bottom:0}
figure{margin:0}
figure+figure{margin-top:28px}
figcaption{margin:0 0 8px;font-size:1.15rem;line-height:1.3;font-weight:700;letter-spacing:-.005em}
.chart{display:block;width:100%;height:auto;font-family:inherit;font-variant-numeric:tabular-nums}
.narrow{display:none}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 10px;padding:0;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:7px}
.swatch{flex:none;height:14px}
.square{flex:none;width:13px;height:13px;border-radius:3px}
.note{margin:10px 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr));gap:12px;margin:24px 0 20px;padding:0;list-style:none}
.cards li{padding:16px 18px;background:var(--card);border:1px solid var(--grid);border-top:3px solid var(--run);border-radius:12px}
.cards .name{display:flex;align-items:center;gap:8px;margin:0;font-weight:600}
.cards .big{white-space:nowrap;margin:6px 0 8px;font-size:1.75rem;line-height:1.15;font-weight:700;letter-spacing:-.02em}
.cards .big small{margin-left:6px;font-size:.875rem;font-weight:600;letter-spacing:0;color:var(--muted);white-space:nowrap}
.cards dl{display:grid;grid-template-columns:1fr auto auto;gap:2px 8px;margin:0;font-size:.875rem}
.cards dt{color:var(--muted)}
.cards dt,.cards dd{overflow-wrap:normal}
.cards dd{margin:0;text-align:right}
.cards dd+dd{min-width:3.6em}
.cards li:first-child dl{grid-template-columns:1fr auto}
.cards li:first-child dd+dd{display:none}
.cards,table{font-variant-numeric:tabular-nums}
.change{color:var(--muted);white-space:nowrap}
.scroll{overflow-x:auto;margin:0 -20px;padding:0 20px}
.scroll:focus-visible{outline:2px solid var(--run-1);outline-offset:-2px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--muted);font-size:.875rem;padding:0 0 8px}
th,td{padding:7px 0 7px 18px;text-align:right;vertical-align:top;border-top:1px solid var(--grid);white-space:nowrap;overflow-wrap:normal}
thead th{border-top:0;border-bottom:1px solid var(--rule)}
tbody tr:first-child>*{border-top:0}
th:first-child,td:first-child{padding-left:0;text-align:left}
tbody th{font-weight:500}
tbody .part{padding-left:16px;color:var(--muted);font-weight:400}
tr:has(.part)>*{border-top-color:transparent;padding-top:2px;padding-bottom:2px}
td .change{display:inline-block;min-width:4.4em;font-size:.8125rem}
.run-name{display:inline-block;max-width:15em;white-space:normal;overflow-wrap:anywhere}
.settings th,.settings td{padding-top:5px;padding-bottom:5px;text-align:left;white-space:normal;overflow-wrap:anywhere}
.settings th{width:13em;color:var(--muted);font-weight:400}
.stories{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr));gap:22px 28px}
.stories h3{display:flex;align-items:center;gap:8px;margin:0 0 6px;font-size:1rem}
.stories blockquote{margin:0;padding-left:14px;border-left:3px solid var(--run);white-space:pre-line}
.stories q{quotes:none;font-weight:600}
.glossary{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr));gap:12px 28px;margin:0;font-size:.9375rem}
.glossary dt{display:flex;align-items:center;gap:8px;font-weight:600}
.glossary dd{margin:0;color:var(--muted)}
.blocks th:nth-child(-n+2),.blocks td:nth-child(2),.blocks .bar{text-align:left}
td .square{display:inline-block;margin-right:4px;vertical-align:-1px}
.share{display:inline-block;height:9px;border-radius:2px;vertical-align:middle}
.blocks .bar{width:30%;min-width:90px}
code,pre{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
td code{font-size:.8125rem}
details summary{cursor:pointer;font-weight:600}
pre{overflow-x:auto;margin:12px 0 0;padding:14px;background:var(--page);border-radius:8px;overflow-wrap:normal}
footer{padding-bottom:44px}
@media (max-width:640px){
main,header,footer{padding-left:14px;padding-right:14px}
header{padding-top:26px}
section{padding:18px 14px 14px;margin:14px 0}
.wide{display:none}.narrow{display:block}
.scroll{margin:0 -14px;padding:0 14px}
.scroll th:first-child{position:sticky;left:-14px;padding-left:14px;margin-left:-14px;background:var(--card);white-space:normal;min-width:8.5em;max-width:9.5em}
.scroll th.part:first-child{padding-left:26px}
.settings th{width:8.5em}
th,td{padding-left:12px}
td .change{display:block}
}
@media print{section,.cards li{break-inside:avoid}}
`;
