// One box that shows the values of what is pointed at or focused, inside the window.
const hover = {
  show(lines, x, y, byKey = false) {
    this.byKey = byKey;
    this.seen = window.scrollY;
    const box = document.getElementById("hover");
    const text = lines.filter(Boolean).join("\n");
    if (box.textContent !== text) box.textContent = text;
    box.hidden = false;
    const room = 8;
    const left = Math.min(x + 14, window.innerWidth - box.offsetWidth - room);
    const above = y + 18 + box.offsetHeight > window.innerHeight - room;
    box.style.left = `${Math.max(room, left)}px`;
    box.style.top = `${Math.max(room, above ? y - box.offsetHeight - 12 : y + 18)}px`;
  },
  hide() {
    document.getElementById("hover").hidden = true;
  },
  // The page has scrolled: what a key chose keeps its values beside it, what was pointed at is no longer there.
  scrolled() {
    const box = document.getElementById("hover");
    const by = window.scrollY - (this.seen || 0);
    this.seen = window.scrollY;
    if (box.hidden) return;
    if (this.byKey) box.style.top = `${parseFloat(box.style.top) - by}px`;
    else this.hide();
  },
};
