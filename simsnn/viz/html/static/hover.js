// One box that shows the values of what is pointed at or focused, inside the window.
const hover = {
  show(lines, x, y) {
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
};
