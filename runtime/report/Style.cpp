// Colours are variables: dark screens and paper change them alone. Contrast of texts is at
// least 4.5 : 1 on either ground (WCAG 2.1, 1.4.3); series differ in dashes too.
#include "runtime/report/Style.h"

namespace ftc::rt {

std::string_view reportStyle() {
  return R"(
:root{color-scheme:light dark;--ground:#fff;--raised:#f5f6f8;--text:#1d2129;--muted:#59606c;
--line:#d9dde3;--s0:#1f5fd0;--s1:#c2410c;--hit:21,128,84;--miss:194,50,34;--good:#15803d;
--bad:#b91c1c;--open:#a16207}
@media (prefers-color-scheme:dark){:root{--ground:#14171c;--raised:#1e232b;--text:#e6e9ee;
--muted:#a3abb8;--line:#353c47;--s0:#7ab0ff;--s1:#ffa766;--hit:61,190,132;--miss:246,110,92;
--good:#4ade80;--bad:#f87171;--open:#facc15}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.55rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .6rem}
header p,footer{color:var(--muted);margin:.3rem 0 0;overflow-wrap:anywhere}
footer{padding-bottom:2rem;font-size:.85rem}
section{margin:2rem 0}
p{max-width:46rem;margin:.4rem 0;overflow-wrap:anywhere}
.verdict{border:1px solid var(--line);border-left:.4rem solid var(--open);border-radius:.4rem;
background:var(--raised);padding:1rem 1.2rem}
.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}
.verdict h2{font-size:1.35rem}.figure b{font-size:1.6rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1.2rem}
figure{margin:0;min-width:0}figcaption{font-weight:600;font-size:.95rem}
figure svg{display:block;width:100%;max-width:36rem;height:auto}
svg text{font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
fill:var(--muted)}
svg text.small{font-size:10px}
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}
.grid{stroke:var(--line)}.axis{stroke:var(--muted)}
.reference{stroke:var(--muted);stroke-dasharray:2 4;stroke-width:1.4}
polyline.s0{stroke:var(--s0)}polyline.s1{stroke:var(--s1);stroke-dasharray:7 3}
circle.s0,rect.s0{fill:var(--s0)}circle.s1,rect.s1{fill:var(--s1)}circle.many{fill-opacity:.5}
.key{font-weight:400;color:var(--muted);white-space:nowrap;margin-left:.6rem}
.key::before{content:"";display:inline-block;width:1.2rem;vertical-align:middle;margin-right:.3rem;
border-top:3px solid var(--s0)}
.key.s1::before{border-top:3px dashed var(--s1)}
.scroll{overflow-x:auto;max-width:100%;margin:.8rem 0}
.scroll:focus-visible{outline:2px solid var(--s0);outline-offset:2px}
table{border-collapse:collapse;font-size:.92rem}
caption{text-align:left;color:var(--muted);padding-bottom:.3rem}
th,td{text-align:left;vertical-align:top;padding:.22rem .7rem .22rem 0;
border-bottom:1px solid var(--line)}
th{font-weight:500}thead th{color:var(--muted)}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.facts td{font-variant-numeric:tabular-nums}
.facts th,.facts td{overflow-wrap:anywhere;min-width:8rem;max-width:44rem}
.list th[scope=row]{overflow-wrap:anywhere;min-width:7rem;max-width:26rem}
.meter{min-width:7rem;background:linear-gradient(90deg,rgba(var(--hit),.32) calc(var(--share)*100%),
transparent calc(var(--share)*100%))}
.memory{width:100%;max-width:46rem}
.bar{width:45%;padding-right:0}
.bar::before{content:"";display:block;height:.9rem;margin-top:.3rem;border-radius:.15rem;
background:var(--s0);opacity:.45;width:calc(var(--share)*100%)}
.sum .bar::before{opacity:1}.seen .bar::before{background:var(--s1)}.sum th,.sum td{font-weight:600}
.confusion th,.confusion td{border:1px solid var(--line);padding:.2rem .45rem;text-align:center}
.confusion td{font-variant-numeric:tabular-nums;min-width:2.2rem}
.confusion th[scope=row]{text-align:right;min-width:6.5rem;max-width:14rem;
overflow-wrap:break-word}
.confusion .upright{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;
vertical-align:bottom;max-height:11rem;overflow:hidden}
.confusion thead th:first-child{vertical-align:bottom;font-size:.8rem}
td.hit{background:rgba(var(--hit),calc(var(--share)*.55))}
td.miss{background:rgba(var(--miss),calc(var(--share)*.55))}
.map{display:block;min-width:100%;max-width:none;height:auto}
@media (min-width:60rem){.map{min-width:0}}
.map text{font-size:8px}.map .ground{fill:var(--raised);stroke:var(--line)}
rect.hit{fill:rgb(var(--hit))}rect.miss{fill:rgb(var(--miss))}
.examples{padding-left:0;list-style:none;display:grid;
grid-template-columns:repeat(auto-fill,minmax(min(100%,28rem),1fr));gap:.8rem}
.examples li{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;min-width:0}
.meta{color:var(--muted);font-size:.85rem;margin:0 0 .3rem}
dl{margin:0;display:grid;grid-template-columns:5.2rem minmax(0,1fr);gap:.15rem .6rem}
dt{color:var(--muted);font-size:.85rem}
dd{margin:0;overflow-wrap:anywhere;overflow:hidden;white-space:pre-line}
pre{background:var(--raised);border:1px solid var(--line);border-radius:.4rem;padding:.8rem;
overflow-x:auto;font-size:.85rem;line-height:1.45}
.command{white-space:pre-wrap;overflow-wrap:anywhere}
code{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
@media (max-width:32rem){body{font-size:15px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.3rem}
th,td{padding-right:.5rem}.facts th,.facts td{min-width:6rem}
.confusion th,.confusion td{padding:.15rem .3rem}}
@media print{:root{color-scheme:light;--ground:#fff;--raised:#fff;--text:#000;--muted:#444;
--line:#bbb;--s0:#1f5fd0;--s1:#c2410c;--hit:21,128,84;--miss:194,50,34;--good:#15803d;
--bad:#b91c1c;--open:#a16207}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
body{font-size:10pt}main,header,footer{max-width:none;padding:0}
.scroll{overflow:visible}.map{width:100%!important;min-width:0}pre{white-space:pre-wrap}
figure,li,tr,.verdict{break-inside:avoid}h2{break-after:avoid}
.charts{grid-template-columns:1fr 1fr}section{margin:1.2rem 0}}
)";
}

} // namespace ftc::rt
