// The timeline: operations as bars, one row a worker, with faults on the same axis.
// Texts of the run are only ever drawn on the canvas or set as textContent, never as markup.
"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent).timeline;
  const canvas = document.getElementById("operations-canvas");
  if (!data || !canvas) return;
  Object.assign(data, await unpacked(data.packed));
  const ops = decoded(data), { total, end, begin, last, did } = ops;
  // Which key alone is shown, by its number among the texts, or null; and what a row is.
  let key = null, mode = "worker", rows, rowHeight, height;
  const FAULT_LEVELS = 4;
  const view = { from: 0, to: end };
  const shown = [true, true, true], functions = data.functions.map(() => true);
  let found = null, selected = -1, colours = {}, frame = 0;

  // Faults that overlap are stacked in levels.
  const levels = [];
  const faults = data.faults.map(([no, name, detail, from, to, tint]) => {
    const until = to === null ? end : to;
    let level = levels.findIndex((busy) => busy <= from);
    if (level < 0) level = levels.length < FAULT_LEVELS ? levels.push(0) - 1 : FAULT_LEVELS - 1;
    levels[level] = until;
    return { no, name, detail, from, until, level, tint: `f${tint}` };
  });
  faults.forEach((fault, n) => { fault.next = faults.slice(n + 1).find((one) => one.level === fault.level); });

  const LEVEL = 18, AXIS = 24, OVERVIEW = 12;
  const leaders = data.leaders.map(([node, term, from], i) =>
    ({ node, term, from, until: i + 1 < data.leaders.length ? data.leaders[i + 1][2] : end }));
  const led = levels.length * LEVEL;  // Where the row of leaders is.
  const top = led + (leaders.length ? LEVEL : 0) + 4;
  let width = 600, gutter = 44;

  const x = (time) => gutter + ((time - view.from) / (view.to - view.from)) * (width - gutter);
  const time = (px) => view.from + ((px - gutter) / (width - gutter)) * (view.to - view.from);
  const drawn = (i) => rows.row[i] >= 0 && shown[ops.outcome[i]] && functions[ops.function[i]] && (key === null || ops.key[i] === key);
  // Where an operation's bar lies across its row.
  const tall = (i) => (rowHeight - (rowHeight > 12 ? 6 : 2)) / (rows.slots ? rows.slots[rows.row[i]] : 1);
  const over = (i) => top + rows.row[i] * rowHeight + (rowHeight > 12 ? 3 : 1) + (rows.slot ? rows.slot[i] * tall(i) : 0);
  const many = new Set(ops.key).size > 1;

  function layout() {
    rows = mode === "key" ? byKey(data, ops, key) : byWorker(data, ops);
    rowHeight = mode === "key" ? (rows.count <= 16 ? 24 : rows.count <= 30 ? 18 : 13)
      : rows.count <= 12 ? 22 : rows.count <= 24 ? 16 : rows.count <= 60 ? 10 : 6;
    height = top + rows.count * rowHeight + AXIS + OVERVIEW + 6;
    canvas.dataset.rows = rows.count;
    resize();
  }

  // What a bar says: with the key where rows are workers, with the process where they are keys.
  function said(i) {
    if (mode === "key") return `${ops.name(ops.process[i])}: ${did(i)}`;
    return many && key === null && ops.key[i] >= 0 ? `${did(i)} · ${keyName(ops.text(ops.key[i]))}` : did(i);
  }
  const visible = (i) => drawn(i) && (!found || found[i]);

  // --- drawing ---------------------------------------------------------------------------------

  function theme() {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "soft", "rule", "ok", "fail", "info", "fault", "fault-wash", "row", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"];
    colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    draw();
  }

  function resize() {
    width = canvas.clientWidth || 600;
    gutter = mode === "key" ? (width < 600 ? 70 : 110) : width < 600 ? 34 : 48;
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    draw();
  }

  function draw() {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; paint(canvas.getContext("2d")); });
  }

  function paint(pen) {
    const ratio = window.devicePixelRatio || 1, bottom = top + rows.count * rowHeight;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillStyle = colours.row;
    for (let row = 0; row < rows.count; row += 2) pen.fillRect(gutter, top + row * rowHeight, width - gutter, rowHeight);
    paintLabels(pen);
    pen.save();
    pen.beginPath();
    pen.rect(gutter, 0, width - gutter, bottom + AXIS);
    pen.clip();
    paintFaults(pen, bottom);
    paintLeaders(pen);
    paintDensity(pen);
    for (const outcome of [0, 1, 2]) if (shown[outcome]) paintOperations(pen, outcome);
    paintPoints(pen);
    paintMarks(pen);
    paintAxis(pen, bottom);
    pen.restore();
    paintOverview(pen, bottom + AXIS + 3);
  }

  function paintLabels(pen) {
    pen.fillStyle = colours.soft;
    pen.textAlign = "right";
    const every = Math.ceil(13 / rowHeight);
    for (let row = 0; row < rows.count; row += every) {
      let words = rows.label(row, view, width >= 600);
      while (words.length > 2 && pen.measureText(words).width > gutter - 8) words = `${words.slice(0, -2)}…`;
      pen.fillText(words, gutter - 6, top + (row + 0.5) * rowHeight);
    }
    pen.textAlign = "left";
  }

  function paintFaults(pen, bottom) {
    for (const fault of faults) {
      const left = x(fault.from), right = Math.max(x(fault.until), left + 1.5);
      if (right < gutter || left > width) continue;
      pen.fillStyle = colours[fault.tint];
      pen.globalAlpha = 0.13;
      pen.fillRect(left, top, right - left, bottom - top);
      pen.globalAlpha = 1;
      const y = fault.level * LEVEL;
      pen.fillRect(left, y, right - left, LEVEL - 3);
      const words = `${fault.no} ${fault.name}`, middle = y + (LEVEL - 3) / 2, from = Math.max(left, gutter);
      const after = fault.next ? x(fault.next.from) : width;
      if (pen.measureText(words).width + 8 <= right - from || after - right < right - from) label(pen, words, from, right, middle, colours.paper);
      else label(pen, words, right, after, middle, colours[fault.tint]);
    }
    pen.strokeStyle = colours.soft;
    pen.setLineDash([3, 3]);
    for (const at of data.calls.filter((at) => at > 0 && at < end)) {
      pen.beginPath();
      pen.moveTo(x(at), 0);
      pen.lineTo(x(at), bottom);
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  // Who led, as seen from outside every half second: a notch at each change.
  function paintLeaders(pen) {
    for (const leader of leaders) {
      const left = x(leader.from), right = x(leader.until);
      if (right < gutter || left > width) continue;
      pen.fillStyle = colours.rule;
      pen.fillRect(left, led, right - left - 1, LEVEL - 3);
      pen.fillStyle = colours.soft;
      pen.fillRect(left, led, 2, LEVEL - 3);
      label(pen, `${leader.node} leads`, Math.max(left, gutter), right, led + (LEVEL - 3) / 2, colours.ink);
    }
  }

  function label(pen, words, left, right, y, colour) {
    const room = right - left - 8;
    if (room < 14) return;
    pen.save();
    pen.beginPath();
    pen.rect(left + 4, y - 9, room, 18);
    pen.clip();
    pen.fillStyle = colour;
    pen.fillText(words, left + 4, y + 0.5);
    pen.restore();
  }

  function paintDensity(pen) {
    if (!data.density.length || mode === "key" || key !== null) return;
    const steps = data.steps, most = Math.max(1, data.density.reduce((m, list) => list.reduce((a, b) => (a > b ? a : b), m), 0));
    const size = end / steps;
    data.density.forEach((counts, outcome) => {
      if (!shown[outcome] || found || !functions.every(Boolean)) return;
      pen.fillStyle = colours[OUTCOMES[outcome]];
      for (let i = 0; i < counts.length; i++) {
        if (!counts[i]) continue;
        const from = (i % steps) * size, left = x(from), right = x(from + size);
        if (right < gutter || left > width) continue;
        pen.globalAlpha = 0.12 + 0.38 * (counts[i] / most);
        pen.fillRect(left, top + Math.floor(i / steps) * rowHeight + 2, right - left, rowHeight - 4);
      }
    });
    pen.globalAlpha = 1;
  }

  function paintOperations(pen, outcome) {
    const colour = colours[OUTCOMES[outcome]];
    for (let i = 0; i < total; i++) {
      if (ops.outcome[i] !== outcome || !drawn(i) || begin[i] > view.to || last[i] < view.from) continue;
      const left = x(begin[i]), wide = Math.max(x(last[i]) - left, 1);
      const y = over(i), high = tall(i);
      const dim = found && !found[i];
      pen.fillStyle = colour;
      // Beside shading, single bars too narrow to tell apart are paler, to look no denser than it.
      const crowded = data.density.length && outcome === 0 && wide < 2;
      pen.globalAlpha = dim ? 0.1 : wide > 26 ? 0.25 : crowded ? 0.35 : 0.85;
      pen.fillRect(left, y, wide, high);
      if (wide <= 26 || dim) continue;
      pen.globalAlpha = 1;
      // A bar with room for words is pale with a solid beginning; a crashed one has no end.
      pen.fillRect(left, y, 3, high);
      if (outcome !== 2) pen.fillRect(left + wide - 1, y, 1, high);
      if (high >= 10) label(pen, said(i), Math.max(left + 3, gutter), left + wide, y + high / 2, colours.ink);
    }
    pen.globalAlpha = 1;
  }

  // A dot where an operation can have taken effect, once bars are wide enough to tell its place; and
  // a line from dot to dot in the witness order of the key of the operation that is pointed at.
  function paintPoints(pen) {
    const middle = (i) => over(i) + tall(i) / 2, size = rowHeight > 12 && !rows.slots ? 3 : 2;
    const dot = (i) => { pen.beginPath(); pen.arc(x(ops.point[i]), middle(i), size, 0, 7); pen.fill(); };
    pen.fillStyle = pen.strokeStyle = colours.ink;
    const scale = (width - gutter) / (view.to - view.from);
    for (let i = 0; i < total; i++) {
      if (ops.point[i] >= view.from && ops.point[i] <= view.to && visible(i) && (last[i] - begin[i]) * scale > 12) dot(i);
    }
    const order = (selected < 0 ? [] : ops.witness.get(ops.key[selected]) ?? []).filter(visible);
    pen.beginPath();
    for (const i of order) pen.lineTo(x(ops.point[i]), middle(i));
    pen.globalAlpha = 0.6;
    pen.stroke();
    pen.globalAlpha = 1;
    canvas.dataset.witness = order.length;
    for (const i of order) dot(i);
  }

  function paintMarks(pen) {
    const ring = (i, thick) => {
      const left = x(begin[i]), y = over(i);
      pen.strokeStyle = colours.ink;
      pen.lineWidth = thick;
      pen.strokeRect(left - 1.5, y - 1.5, Math.max(x(last[i]) - left, 2) + 3, tall(i) + 3);
      pen.lineWidth = 1;
      return [left, y];
    };
    for (const [i, no] of data.marked) {
      if (!drawn(i)) continue;
      const [left, y] = ring(i, 2);
      if (tall(i) < 10) continue;
      pen.fillStyle = colours.ink;
      pen.fillRect(left - 15, y - 1, 13, tall(i) + 2);
      pen.fillStyle = colours.paper;
      pen.textAlign = "center";
      pen.fillText(`${no}`, left - 8.5, y + tall(i) / 2 + 0.5);
      pen.textAlign = "left";
    }
    if (selected >= 0 && drawn(selected)) ring(selected, 1.5);
  }

  function paintAxis(pen, bottom) {
    // Without times the axis counts positions, and these are whole.
    const span = view.to - view.from, raw = Math.max((span / (width - gutter)) * 90, data.timed ? 0 : 1e6);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= raw);
    const digits = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step) + 1e-9)));
    pen.strokeStyle = colours.rule;
    pen.fillStyle = colours.soft;
    pen.beginPath();
    pen.moveTo(gutter, bottom + 0.5);
    pen.lineTo(width, bottom + 0.5);
    pen.stroke();
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      const px = x(at), words = data.timed ? `${(at / 1e6).toFixed(digits)} s` : `${(at / 1e6).toFixed(0)}`;
      pen.fillRect(px, bottom, 1, 4);
      const half = pen.measureText(words).width / 2;
      pen.fillText(words, Math.min(Math.max(px - half, gutter), width - 2 * half), bottom + 13);
    }
  }

  function paintOverview(pen, y) {
    const scale = (width - gutter) / end;
    pen.fillStyle = colours.row;
    pen.fillRect(gutter, y, width - gutter, OVERVIEW - 4);
    pen.globalAlpha = 0.35;
    for (const fault of faults) {
      pen.fillStyle = colours[fault.tint];
      pen.fillRect(gutter + fault.from * scale, y, (fault.until - fault.from) * scale, OVERVIEW - 4);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = colours.soft;
    const left = gutter + view.from * scale;
    pen.fillRect(left, y, Math.max((view.to - view.from) * scale, 3), OVERVIEW - 4);
  }

  // --- moving ----------------------------------------------------------------------------------

  function look(from, to) {
    const span = Math.min(Math.max(to - from, 20), end);
    view.from = Math.min(Math.max(from, 0), end - span);
    view.to = view.from + span;
    canvas.dataset.from = Math.round(view.from);
    canvas.dataset.to = Math.round(view.to);
    timeline.looked();
    draw();
  }
  function zoom(factor, around = (view.from + view.to) / 2) {
    look(around - (around - view.from) * factor, around + (view.to - around) * factor);
  }
  function move(share) {
    const by = (view.to - view.from) * share;
    look(view.from + by, view.to + by);
  }
  const actions = { in: () => zoom(0.5), out: () => zoom(2), left: () => move(-0.25), right: () => move(0.25), all: () => look(0, end) };

  function select(i) {
    selected = i;
    canvas.dataset.selected = i;
    document.getElementById("detail").textContent = ops.describe(i);
    draw();
  }

  function step(direction) {
    let i = selected;
    if (i < 0 || begin[i] < view.from || begin[i] > view.to) {
      // Start at the edge of what is in view.
      i = direction > 0 ? begin.findIndex((at) => at >= view.from) - 1 : begin.findLastIndex((at) => at <= view.to) + 1;
    }
    do i += direction; while (i >= 0 && i < total && !visible(i));
    if (i < 0 || i >= total) return;
    if (begin[i] < view.from || begin[i] > view.to) move((begin[i] - (view.from + view.to) / 2) / (view.to - view.from));
    select(i);
  }

  function at(px, py) {
    const now = time(px), slack = ((view.to - view.from) / (width - gutter)) * 5;
    let best = -1, distance = slack;
    for (let i = 0; i < total; i++) {
      if (!visible(i) || py < over(i) - 2 || py > over(i) + tall(i) + 2) continue;
      const away = Math.max(begin[i] - now, now - last[i], 0);
      if (away <= distance) [best, distance] = [i, away];
    }
    return best;
  }

  function faultAt(px, py) {
    const now = time(px);
    return faults.find((f) => py < led && Math.floor(py / LEVEL) === f.level && f.from <= now && now <= f.until);
  }

  const timeline = {
    canvas, data, ops, view, faults, visible, look, zoom, move, select, step, at, faultAt, time, draw, actions, shown, functions,
    looked: () => {},  // What to do when the view has changed.
    get gutter() { return gutter; }, get width() { return width; }, get key() { return key; }, get found() { return found; },
    set found(hits) { found = hits; draw(); },
    arrange(newKey, newMode) {
      [key, mode] = [newKey, newMode];
      layout();
    },
    get mode() { return mode; },
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
  new ResizeObserver(() => { if (canvas.clientWidth !== width) resize(); }).observe(canvas);
  theme();
  layout();
  controls(timeline);
})();
