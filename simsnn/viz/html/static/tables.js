// Tables: sorted by a heading, up and down, what is unknown last; filtered by words.
function value(row, column) {
  const cell = row.cells[column];
  const number = cell.dataset.value;
  if (number !== undefined) return Number(number);
  const text = cell.textContent.trim();
  return text === "-" || text === "" ? null : text.toLowerCase();
}

function compare(first, second) {
  if (typeof first === "number" && typeof second === "number") return first - second;
  return String(first).localeCompare(String(second), "en", { numeric: true });
}

function sortBy(table, column) {
  const headings = table.tHead.rows[0].cells;
  const down = headings[column].getAttribute("aria-sort") === "ascending";
  for (const heading of headings) heading.setAttribute("aria-sort", "none");
  headings[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row, value(row, column)]);
  rows.sort(([, first], [, second]) => {
    if (first === null || second === null) return (first === null) - (second === null);
    return down ? compare(second, first) : compare(first, second);
  });
  body.append(...rows.map(([row]) => row));
}

function filterRows(table, words, count) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  const all = table.tBodies[0].rows.length;
  count.textContent = shown === all ? `${all} rows` : `${shown} of ${all} rows`;
}

function startTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => sortBy(table, column));
    });
  }
  for (const tools of document.querySelectorAll(".tools")) {
    const box = tools.querySelector("input");
    const table = document.getElementById(box.dataset.table);
    tools.hidden = false;
    box.addEventListener("input", () => filterRows(table, box.value, tools.querySelector("output")));
  }
}
