// The timeline: lanes of bars over cycles. The window from `from` to `to` is what is shown; only what it holds is drawn.
const STRIDE = 7;
const [START, LENGTH, KIND, TEXT, STALLED, BYTES, JOINED] = [0, 1, 2, 3, 4, 5, 6];
const LEAST_CYCLES = 20;

class Timeline {
  constructor(box, data) {
    Object.assign(this, { box, data, from: 0, to: data.cycles, current: null, waiting: false });
    this.lanes = data.lanes.map((lane) => ({ ...lane, count: lane.bars.length / STRIDE, reach: this.reaches(lane.bars) }));
    this.tools = put(box, "div", { class: "buttons" });
    this.button("+", "zoom in", () => this.zoom(0.5));
    this.button("\u2212", "zoom out", () => this.zoom(2));
    this.button("\u25c0", "earlier", () => this.move(-0.4));
    this.button("\u25b6", "later", () => this.move(0.4));
    this.button("all", "show the whole run", () => this.show(0, data.cycles));
    this.window = put(this.tools, "output", { class: "count" });
    this.svg = draw(box, "svg", { class: "plot", tabindex: 0, role: "application", "aria-label": "timeline: arrow keys go from bar to bar, plus and minus zoom" });
    this.listen();
    new ResizeObserver(() => this.later()).observe(box);
    this.paint();
  }

  button(text, label, action) {
    put(this.tools, "button", { type: "button", "aria-label": label, title: label }, text).addEventListener("click", action);
  }

  // Per bar, how far it and all before it reach: where bars overlap, the first that is still in view is found by it.
  reaches(bars) {
    const found = [];
    for (let at = 0, most = 0; at < bars.length; at += STRIDE) {
      most = Math.max(most, bars[at + START] + bars[at + LENGTH]);
      found.push(most);
    }
    return found;
  }

  show(from, to) {
    const span = Math.min(this.data.cycles, Math.max(LEAST_CYCLES, to - from));
    this.from = Math.max(0, Math.min(from, this.data.cycles - span));
    this.to = this.from + span;
    this.later();
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  move(share) {
    const by = (this.to - this.from) * share;
    this.show(this.from + by, this.to + by);
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.paint(); });
  }

  x(cycle) {
    return this.left + ((cycle - this.from) / (this.to - this.from)) * this.room;
  }

  cycle(x) {
    return this.from + ((x - this.left) / this.room) * (this.to - this.from);
  }

  paint() {
    const width = Math.max(240, this.box.clientWidth);
    this.left = width < 520 ? 84 : Math.min(176, 30 + 6.4 * Math.max(...this.lanes.map((lane) => lane.name.length)));
    this.left = Math.max(this.left, 84);
    this.room = width - this.left - 10;
    let top = 4;
    for (const lane of this.lanes) {
      lane.top = top;
      lane.height = lane.thin ? 12 : this.lanes.length > 24 ? 18 : 30;
      top += lane.height + (lane.thin ? 3 : 5);
    }
    this.bottom = top;
    const height = top + 34;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    this.axis(width);
    for (const lane of this.lanes) this.lane(lane);
    this.overview(height - 5);
    this.mark();
    this.box.dataset.from = Math.round(this.from);
    this.box.dataset.to = Math.round(this.to);
    const share = ((this.to - this.from) / this.data.cycles) * 100;
    this.window.textContent = share > 99.99 ? `all ${grouped(this.data.cycles)} cycles` : `cycles ${grouped(this.from)} to ${grouped(this.to)}, ${share < 1 ? share.toPrecision(2) : share.toFixed(0)}% of the run`;
  }

  axis(width) {
    const places = ticks(this.from, this.to, Math.max(2, this.room / 90));
    const step = places.length > 1 ? places[1] - places[0] : this.to;
    const [factor, symbol, digits] = this.unit(step);
    for (const place of places) {
      const x = this.x(place);
      draw(this.svg, "line", { class: "grid", x1: x, x2: x, y1: 0, y2: this.bottom });
      const text = !place ? "0" : factor === 1 ? grouped(place) : `${(place / factor).toFixed(digits)}${symbol}`;
      draw(this.svg, "text", { class: "tick", x: Math.min(x, width - 12), y: this.bottom + 13, "text-anchor": "middle" }, text);
    }
    for (const place of this.data.lines) {
      if (place < this.from || place > this.to) continue;
      draw(this.svg, "line", { class: "period", x1: this.x(place), x2: this.x(place), y1: 0, y2: this.bottom });
    }
    draw(this.svg, "text", { class: "tick", x: this.left - 18, y: this.bottom + 13, "text-anchor": "end" }, "cycles");
  }

  // Prefix of the ticks and their digits behind the point; in full where that would be many.
  unit(step) {
    const [factor, symbol] = PREFIXES.find(([size]) => this.to >= size && size >= 1) || [1, ""];
    const digits = Math.max(0, Math.ceil(-Math.log10(step / factor) - 1e-9));
    const even = Number((step / factor).toFixed(digits)) === Number((step / factor).toPrecision(6));
    return digits > 3 ? [1, "", 0] : [factor, symbol, even ? digits : digits + 1];
  }

  lane(lane) {
    const group = draw(this.svg, "g");
    const middle = lane.top + lane.height / 2;
    const most = Math.floor((this.left - 12) / (lane.thin ? 5.4 : 6.4));
    const name = lane.name.length > most ? `${lane.name.slice(0, most - 1)}\u2026` : lane.name;
    const noted = lane.note && lane.height >= 26;
    draw(group, "text", { class: lane.thin ? "name thin" : "name", x: this.left - 8, y: middle + (noted ? -1 : 4), "text-anchor": "end" }, name);
    if (noted) draw(group, "text", { class: "tick", x: this.left - 8, y: middle + 11, "text-anchor": "end" }, lane.note);
    draw(group, "rect", { class: "lane", x: this.left, y: lane.top, width: this.room, height: lane.height });
    let covered = -1;
    for (let number = this.first(lane); number < lane.count; number += 1) {
      const at = number * STRIDE;
      if (lane.bars[at + START] >= this.to) break;
      const left = Math.max(this.left, this.x(lane.bars[at + START]));
      const right = Math.min(this.left + this.room, this.x(lane.bars[at + START] + lane.bars[at + LENGTH]));
      if (right < this.left || (right <= covered + 0.5 && right - left < 1)) continue;
      this.bar(group, lane, at, left, Math.max(0.8, right - left));
      covered = Math.max(covered, left + Math.max(0.8, right - left));
    }
  }

  first(lane) {
    let [low, high] = [0, lane.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.reach[middle] > this.from) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  bar(group, lane, at, x, width) {
    const { bars } = lane;
    const kind = this.data.kinds[Math.floor(bars[at + KIND] / 3)];
    const share = bars[at + LENGTH] ? Math.min(1, bars[at + STALLED] / bars[at + LENGTH]) : 0;
    const shape = { class: `bar k-${kind} s${bars[at + KIND] % 3}`, x, y: lane.top, width, height: lane.height };
    if (kind === "wait") shape["fill-opacity"] = 0.25 + 0.75 * share;
    draw(group, "rect", shape);
    if (share && !lane.thin && width >= 2) {
      const height = lane.height * share;
      draw(group, "rect", { class: "stalled", x, y: lane.top + lane.height - height, width, height });
    }
    if (lane.thin || width < 18) return;
    const words = this.data.texts[bars[at + TEXT]][0].split(" ");
    const choices = [words.join(" "), words.slice(0, 2).join(" "), words[0]];
    const [left, right] = this.seen(lane, at).map((cycle) => Math.min(x + width, Math.max(x, this.x(cycle))));
    const text = choices.find((choice) => choice.length * 6.1 + 6 < right - left);
    if (text) draw(group, "text", { class: `label t-${kind} s${bars[at + KIND] % 3}`, x: (left + right) / 2, y: lane.top + lane.height / 2 + 4, "text-anchor": "middle" }, text);
  }

  // The longest stretch of a bar that later ones, drawn over it, leave.
  seen(lane, at) {
    const { bars } = lane;
    const end = bars[at + START] + bars[at + LENGTH];
    let start = bars[at + START];
    let best = [start, start];
    const longer = (from, to) => { if (to - from > best[1] - best[0]) best = [from, to]; };
    for (let next = at + STRIDE; next < bars.length && bars[next + START] < end; next += STRIDE) {
      longer(start, bars[next + START]);
      start = Math.max(start, bars[next + START] + bars[next + LENGTH]);
    }
    longer(start, end);
    return best;
  }

  // Which part of the run is shown.
  overview(y) {
    draw(this.svg, "rect", { class: "lane", x: this.left, y: y - 6, width: this.room, height: 5, rx: 2 });
    const x = this.left + (this.from / this.data.cycles) * this.room;
    const width = Math.max(3, ((this.to - this.from) / this.data.cycles) * this.room);
    draw(this.svg, "rect", { class: "thumb", x, y: y - 6, width, height: 5, rx: 2 });
  }

  mark() {
    if (!this.current) return;
    const [lane, number] = this.current;
    const at = number * STRIDE;
    const left = Math.max(this.left, this.x(lane.bars[at + START]));
    const right = Math.min(this.left + this.room, this.x(lane.bars[at + START] + lane.bars[at + LENGTH]));
    if (right < this.left || left > this.left + this.room) return;
    draw(this.svg, "rect", { class: "focus", x: left, y: lane.top, width: Math.max(1, right - left), height: lane.height });
  }

  lines(lane, number) {
    const at = number * STRIDE;
    const [start, length, , text, stalled, bytes, joined] = lane.bars.slice(at, at + STRIDE);
    const [name, detail] = this.data.texts[text];
    const time = (cycles) => prefixed(cycles * this.data.nsPerCycle * 1e-9, "s");
    return [
      `${lane.thin ? `${lane.name}: ` : ""}${name}`,
      `cycles ${grouped(start)} to ${grouped(start + length)}`,
      `${grouped(length)} cycles, ${time(length)}, from ${time(start)}`,
      stalled ? `stalled ${grouped(stalled)} cycles, ${((stalled / Math.max(1, length)) * 100).toFixed(0)}%` : "",
      bytes ? prefixed(bytes, "B", 3) : "",
      joined > 1 ? `${grouped(joined)} intervals joined` : "",
      detail,
    ];
  }

  // The bar at a place of the plot: of those that cover it the last, which lies on top; else the nearest within 3 pixels.
  at(x, y) {
    const lane = this.lanes.find((each) => y >= each.top && y <= each.top + each.height);
    if (!lane || x < this.left) return null;
    const cycle = this.cycle(x);
    const near = (this.to - this.from) * (3 / this.room);
    let [found, best] = [null, near];
    for (let number = this.first(lane); number < lane.count; number += 1) {
      const start = lane.bars[number * STRIDE + START];
      if (start > cycle + near) break;
      const away = Math.max(start - cycle, cycle - start - lane.bars[number * STRIDE + LENGTH], 0);
      if (away <= best) [found, best] = [[lane, number], away];
    }
    return found;
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  choose(found, x, y, byKey = false) {
    const same = found && this.current && found[0] === this.current[0] && found[1] === this.current[1];
    this.current = found;
    if (found) hover.show(this.lines(...found), x, y, byKey);
    else hover.hide();
    if (!same) this.later();
  }

  listen() {
    const { svg } = this;
    const fingers = new Map();
    svg.addEventListener("wheel", (event) => {
      const across = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const outside = !across && event.deltaY > 0 && this.to - this.from >= this.data.cycles;
      if (outside) return;
      event.preventDefault();
      if (across) this.move(Math.sign(event.deltaX || event.deltaY) * 0.1);
      else this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.cycle(this.place(event)[0]));
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, this.place(event)[0]);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const [x, y] = this.place(event);
      if (fingers.size) this.drag(fingers, event.pointerId, x);
      else this.choose(this.at(x, y), event.clientX, event.clientY);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      svg.addEventListener(name, (event) => {
        const moved = this.dragged;
        fingers.delete(event.pointerId);
        this.dragged = fingers.size > 0 && moved;
        if (!moved && name === "pointerup") this.choose(this.at(...this.place(event)), event.clientX, event.clientY);
      });
    }
    svg.addEventListener("pointerleave", () => { if (!fingers.size) this.choose(null); });
    svg.addEventListener("blur", () => this.choose(null));
    svg.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
  }

  // One finger moves the window, two stretch it.
  drag(fingers, moving, x) {
    const before = fingers.get(moving);
    if (before === undefined || Math.abs(x - before) < 2) return;
    this.dragged = true;
    hover.hide();
    const others = [...fingers].filter(([id]) => id !== moving);
    if (others.length) {
      const still = others[0][1];
      const factor = Math.abs(before - still) / Math.max(8, Math.abs(x - still));
      this.zoom(Math.min(4, Math.max(0.25, factor)), this.cycle(still));
    } else {
      const by = ((before - x) / this.room) * (this.to - this.from);
      this.show(this.from + by, this.to + by);
    }
    fingers.set(moving, x);
  }

  key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "0") this.show(0, this.data.cycles);
    else if (event.key === "Escape") this.choose(null);
    else if (steps && event.shiftKey) this.move(steps[1] * 0.2);
    else if (steps) this.walk(...steps);
    else return false;
    return true;
  }

  walk(down, along) {
    const filled = this.lanes.filter((lane) => lane.count);
    let [lane, number] = this.current || [filled[0], this.first(filled[0]) - (along > 0 ? 1 : 0)];
    if (down) {
      const middle = lane.bars[Math.max(0, number) * STRIDE + START];
      lane = filled[Math.min(filled.length - 1, Math.max(0, filled.indexOf(lane) + down))];
      number = 0;
      while (number + 1 < lane.count && lane.bars[(number + 1) * STRIDE + START] <= middle) number += 1;
    } else {
      number = Math.min(lane.count - 1, Math.max(0, number + along));
    }
    const [start, length] = [lane.bars[number * STRIDE + START], lane.bars[number * STRIDE + LENGTH]];
    const span = this.to - this.from;
    if (start + length > this.to || start < this.from) this.show(start + length / 2 - span / 2, start + length / 2 + span / 2);
    this.paint();
    const box = this.svg.getBoundingClientRect();
    const scale = box.width / this.svg.viewBox.baseVal.width;
    const x = Math.min(box.right, Math.max(box.left, box.left + this.x(start + length / 2) * scale));
    this.choose([lane, number], x, box.top + (lane.top + lane.height) * scale, true);
  }

  print(on) {
    if (on && !this.kept) this.kept = [this.from, this.to];
    const [from, to] = on ? [0, this.data.cycles] : this.kept || [this.from, this.to];
    if (!on) this.kept = null;
    this.show(from, to);
    this.paint();
  }
}
