// Numbers for people, as the rest of simsnn writes them.
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"], [1e-15, "f"]];

function grouped(value) {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function prefixed(value, unit = "", digits = 4) {
  if (!value) return unit ? `0 ${unit}` : "0";
  const [factor, symbol] = PREFIXES.find(([size]) => Math.abs(value) >= size) || PREFIXES[PREFIXES.length - 1];
  const number = Number((value / factor).toPrecision(digits));
  return unit ? `${number} ${symbol}${unit}` : `${number}${symbol}`;
}

// Round numbers that part an interval into at most `most` pieces.
function ticks(low, high, most) {
  const raw = (high - low) / Math.max(1, most) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999) || 10 * power;
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high * (1 + 1e-12) + step * 1e-9; place += 1) found.push(place * step);
  return found;
}

const SVG = (() => {
  const room = document.createElement("div");
  room.innerHTML = "<svg></svg>";
  return room.firstChild.namespaceURI;
})();

function draw(parent, name, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function put(parent, name, attributes = {}, text = "") {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function content(identity) {
  return JSON.parse(document.getElementById(identity).textContent);
}
