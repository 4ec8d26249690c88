// What the page does when it is there; on paper charts show all.
startTables();
const charts = [];
for (const box of document.querySelectorAll(".timeline")) charts.push(new Timeline(box, content(box.dataset.source)));
for (const box of document.querySelectorAll(".scatter")) charts.push(new Scatter(box, content(box.dataset.source)));
const onPaper = (on) => charts.forEach((chart) => chart.print(on));
window.matchMedia("print").addEventListener("change", (event) => onPaper(event.matches));
window.addEventListener("beforeprint", () => onPaper(true));
window.addEventListener("afterprint", () => onPaper(false));
window.addEventListener("scroll", () => hover.scrolled(), { passive: true });
hover.seen = window.scrollY;
