// Points of a sweep over two columns of choice. Words stand in the order in which they first appear.
class Scatter {
  constructor(box, data) {
    Object.assign(this, { box, data, current: null, waiting: false });
    this.tools = put(box, "div", { class: "buttons" });
    this.chosen = { x: this.select("across", "x", data.x), y: this.select("up", "y", data.y), colour: this.select("colour", "colour", data.colour, true) };
    this.log = { x: this.check("log across", "x"), y: this.check("log up", "y") };
    this.svg = draw(box, "svg", { class: "plot", tabindex: 0, role: "application", "aria-label": "scatter of the points: arrow keys go from point to point" });
    this.key = put(box, "ul", { class: "legend" });
    this.guess("x");
    this.guess("y");
    this.listen();
    new ResizeObserver(() => this.later()).observe(box);
    this.paint();
  }

  select(words, name, value, few = false) {
    const label = put(this.tools, "label", {}, `${words} `);
    const list = put(label, "select", { name });
    if (few) put(list, "option", { value: -1 }, "Pareto front");
    this.data.columns.forEach((column, number) => {
      if (!few || new Set(column.values).size <= 8) put(list, "option", { value: number }, column.label);
    });
    list.value = value;
    list.addEventListener("change", () => { if (!few) this.guess(name); this.paint(); });
    return list;
  }

  check(words, name) {
    const label = put(this.tools, "label");
    const box = put(label, "input", { type: "checkbox", name: `log-${name}` });
    label.append(` ${words}`);
    box.addEventListener("change", () => this.paint());
    return box;
  }

  // Logarithmic where values are positive and spread over more than a factor of 10.
  guess(name) {
    const values = this.column(name).values.filter((value) => typeof value === "number");
    const good = values.length > 1 && Math.min(...values) > 0;
    this.log[name].disabled = !good;
    this.log[name].checked = good && Math.max(...values) / Math.min(...values) > 10;
  }

  column(name) {
    return this.data.columns[Number(this.chosen[name].value)];
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.paint(); });
  }

  // Places from 0 to 1 of a column's values, and its ticks as [place, text].
  scale(name, room) {
    const column = this.column(name);
    if (column.words) {
      const words = [...new Set(column.values)];
      const place = new Map(words.map((word, number) => [word, (number + 0.5) / words.length]));
      return [(value) => place.get(value), words.map((word) => [place.get(word), this.text(column, word)])];
    }
    const known = column.values.filter((value) => value !== null);
    const log = this.log[name].checked;
    const turn = log ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...known), Math.max(...known)].map(turn);
    if (!known.length) [low, high] = [0, 1];
    const pad = (high - low || Math.abs(high) || 1) * 0.06;
    [low, high] = [low - pad, high + pad];
    const place = (value) => (value === null ? null : (turn(value) - low) / (high - low));
    const most = Math.max(2, room / (name === "x" ? 96 : 44));
    const marks = log ? this.powers(low, high, most) : ticks(low, high, most);
    return [place, marks.map((mark) => [place(mark), this.text(column, mark)])];
  }

  powers(low, high, most) {
    const parts = high - low < most / 3 ? [1, 2, 5] : [1];
    const found = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      for (const part of parts) if (Math.log10(part) + power >= low && Math.log10(part) + power <= high) found.push(part * 10 ** power);
    }
    return found.length > 1 ? found : ticks(10 ** low, 10 ** high, most).filter((value) => value > 0);
  }

  text(column, value) {
    if (value === null) return "-";
    if (column.words || typeof value !== "number") return String(value);
    if (column.share) return `${Number((value * 100).toPrecision(4))}%`;
    if (column.plain) return Number.isInteger(value) ? grouped(value) : String(Number(value.toPrecision(6)));
    return prefixed(value * column.factor, column.unit);
  }

  paint() {
    const width = Math.max(240, this.box.clientWidth);
    const height = Math.round(Math.min(460, Math.max(280, width * 0.6)));
    const [left, right, top, bottom] = [78, 14, 10, 42];
    const [across, up] = [width - left - right, height - top - bottom];
    const [x, xTicks] = this.scale("x", across);
    const [y, yTicks] = this.scale("y", up);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    for (const [place, text] of xTicks) {
      const at = left + place * across;
      draw(this.svg, "line", { class: "grid", x1: at, x2: at, y1: top, y2: top + up });
      draw(this.svg, "text", { class: "tick", x: at, y: top + up + 14, "text-anchor": "middle" }, text);
    }
    for (const [place, text] of yTicks) {
      const at = top + (1 - place) * up;
      draw(this.svg, "line", { class: "grid", x1: left, x2: left + across, y1: at, y2: at });
      draw(this.svg, "text", { class: "tick", x: left - 7, y: at + 4, "text-anchor": "end" }, text);
    }
    draw(this.svg, "text", { class: "name", x: left + across / 2, y: height - 7, "text-anchor": "middle" }, this.column("x").label);
    draw(this.svg, "text", { class: "name", x: 0, y: 0, "text-anchor": "middle", transform: `translate(13 ${top + up / 2}) rotate(-90)` }, this.column("y").label);
    const colour = this.colours();
    this.places = [];
    this.data.points.forEach((point, number) => {
      const [a, b] = [x(this.column("x").values[number]), y(this.column("y").values[number])];
      if (a === null || b === null || a === undefined || b === undefined) return;
      this.places.push([number, left + a * across, top + (1 - b) * up]);
    });
    this.places.sort((first, second) => Number(this.data.pareto[first[0]]) - Number(this.data.pareto[second[0]]));
    for (const [number, a, b] of this.places) {
      const front = this.data.pareto[number] ? " front" : "";
      draw(this.svg, "circle", { class: `point c${colour(number)}${front}`, cx: a, cy: b, r: front ? 5.5 : 4, "data-point": this.data.points[number] });
    }
    this.mark();
  }

  colours() {
    const number = Number(this.chosen.colour.value);
    const column = this.data.columns[number];
    const words = column ? [...new Set(column.values)] : [true, false];
    const values = column ? column.values : this.data.pareto;
    const names = column ? words.map((word) => this.text(column, word)) : ["on the Pareto front", "others"];
    this.key.replaceChildren();
    words.forEach((_, place) => {
      const entry = put(this.key, "li");
      put(entry, "span", { class: `key c${column ? place : place * 7}` });
      entry.append(names[place]);
    });
    return (point) => (column ? words.indexOf(values[point]) : words.indexOf(values[point]) * 7);
  }

  mark() {
    const found = this.places.find(([number]) => number === this.current);
    if (found) draw(this.svg, "circle", { class: "focus", cx: found[1], cy: found[2], r: 8 });
  }

  lines(number) {
    const front = this.data.pareto[number] ? ", on the Pareto front" : "";
    return [`point ${this.data.points[number]}${front}`, ...this.data.columns.map((column) => `${column.label}: ${this.text(column, column.values[number])}`)];
  }

  choose(found, x, y, byKey = false) {
    const number = found ? found[0] : null;
    const same = number === this.current;
    this.current = number;
    if (found) hover.show(this.lines(number), x, y, byKey);
    else hover.hide();
    if (!same) this.later();
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  listen() {
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.choose(null));
    this.svg.addEventListener("blur", () => this.choose(null));
    this.svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (event.key === "Escape") this.choose(null);
      if (!step) return;
      event.preventDefault();
      const order = [...this.places].sort((first, second) => first[1] - second[1] || first[2] - second[2]);
      const at = order.findIndex(([number]) => number === this.current);
      const next = order[at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + step))];
      if (!next) return;
      const box = this.svg.getBoundingClientRect();
      const scale = box.width / this.svg.viewBox.baseVal.width;
      this.choose(next, box.left + next[1] * scale, box.top + next[2] * scale, true);
    });
  }

  point(event) {
    const [x, y] = this.place(event);
    let [best, found] = [14, null];
    for (const each of this.places) {
      const away = Math.hypot(each[1] - x, each[2] - y);
      if (away <= best) [best, found] = [away, each];
    }
    this.choose(found, event.clientX, event.clientY);
  }

  print() {
    this.choose(null);
    this.paint();
  }
}
