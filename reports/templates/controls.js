// How the timeline is moved: pointers, wheel, keys, buttons, lists, and the address of a view.
"use strict";

function controls(timeline) {
  const { canvas, data, ops, faults, look, zoom, move, select, step, time, draw, actions, shown, functions } = timeline;
  const { total, end, begin, last } = ops;

  const pointers = new Map();
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    canvas.classList.add("moving");
  });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = place(event), before = pointers.get(event.pointerId);
    if (!before) return point(px, py);
    const others = [...pointers].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const [ox] = others[0][1];
      zoom(Math.min(Math.max(Math.abs(before[0] - ox) / Math.max(Math.abs(px - ox), 1), 0.5), 2), time((px + ox) / 2));
    } else move((before[0] - px) / (timeline.width - timeline.gutter));
    pointers.set(event.pointerId, [px, py]);
  });
  const release = (event) => { pointers.delete(event.pointerId); canvas.classList.remove("moving"); };
  canvas.addEventListener("pointerup", (event) => { release(event); point(...place(event)); });
  canvas.addEventListener("pointercancel", release);
  function point(px, py) {
    const fault = timeline.faultAt(px, py), i = fault ? -1 : timeline.at(px, py);
    if (i >= 0) select(i);
    else if (fault) document.getElementById("detail").textContent =
      `Fault ${fault.no} ${fault.name}: ${fault.detail || "no details"} · ${(fault.from / 1e6).toFixed(3)} s to ${(fault.until / 1e6).toFixed(3)} s`;
  }
  canvas.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 2 : 0.4, time(place(event)[0])));
  canvas.addEventListener("wheel", (event) => {
    // A bare wheel scrolls the page, as everywhere else, unless the reader went into the timeline.
    if (event.ctrlKey || event.metaKey || document.activeElement === canvas) {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(event.deltaX / timeline.width);
      else zoom(Math.exp(Math.min(Math.max(event.deltaY, -120), 120) / 300), time(place(event)[0]));
    }
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowLeft: actions.left, ArrowRight: actions.right, "+": actions.in, "=": actions.in, "-": actions.out,
      Home: actions.all, ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => canvas.blur(),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  // --- controls --------------------------------------------------------------------------------

  for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  for (const [name, which] of [["outcomes", shown], ["functions", functions]]) {
    for (const box of document.querySelectorAll(`.${name} input`)) {
      box.addEventListener("change", () => { which[Number(box.value)] = box.checked; count(); draw(); });
    }
  }
  // How many of the operations drawn one by one remain, for a reader who cannot see the canvas.
  function count() {
    let left = 0;
    for (let i = 0; i < total; i++) left += timeline.visible(i);
    const hidden = [...shown, ...functions].includes(false);
    const words = `${left} operation${left === 1 ? "" : "s"} ${timeline.found ? "found; the others are dimmed." : "shown."}`;
    document.getElementById("detail").textContent = words + (timeline.found && hidden ? " Some are hidden." : "");
  }
  // --- places, keys, rows ----------------------------------------------------------------------

  const jump = document.getElementById("jump"), keys = document.getElementById("key"), kind = document.getElementById("rows");
  const places = [[0, end]];
  const offer = (words, from, to) => { jump.add(new Option(words, places.length)); return places.push([from, to]) - 1; };
  jump.add(new Option("the whole run", 0));
  const around = (from, to, before, after) => [from - (to - from) * before - 500, to + (to - from) * after + 500];
  let opens = 0, worst = 0;
  if (data.marked.length) {
    const marks = data.marked.map(([i]) => i);
    opens = offer("the counterexample", ...around(Math.min(...marks.map((i) => begin[i])), Math.max(...marks.map((i) => last[i])), 0.2, 0.2));
  }
  // Else the most telling window: the fault under which most failed or stayed in doubt.
  for (const f of faults) {
    const place = offer(`fault ${f.no}: ${f.name}`, ...around(f.from, f.until, 0.15, 0.3));
    let bad = 0.5;
    for (let i = 0; i < total; i++) bad += ops.outcome[i] > 0 && begin[i] <= f.until && last[i] >= f.from;
    if (!data.marked.length && bad > worst) [worst, opens] = [bad, place];
  }
  if (total > 1) {
    let slowest = 0;
    for (let i = 1; i < total; i++) if (ops.last[i] > ops.last[slowest]) slowest = i;
    const place = offer("the slowest operation", ...around(begin[slowest], last[slowest], 0.5, 0.5));
    if (!opens && total > 500) opens = place;
  }
  // What an address brought the reader to has no place in the list; it is named there all the same.
  jump.add(Object.assign(new Option("this view", "here"), { hidden: true }));
  jump.addEventListener("change", () => look(...places[jump.value]));

  const numbers = [...new Set(ops.key)].filter((key) => key >= 0);
  const named = numbers.map((key) => [keyName(ops.text(key)), key]).sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }));
  for (const [name, key] of named.slice(0, 1000)) keys?.add(new Option(name, key));
  function arrange(key, mode) {
    timeline.arrange(key, mode);
    if (keys) keys.value = key === null ? "" : key;
    if (kind) kind.value = mode;
    look(timeline.view.from, timeline.view.to);
  }
  const rearrange = () => { arrange(keys?.value ? Number(keys.value) : null, kind ? kind.value : "worker"); count(); };
  keys?.addEventListener("change", rearrange);
  kind?.addEventListener("change", rearrange);
  document.getElementById("find")?.addEventListener("input", (event) => {
    timeline.found = ops.search(event.target.value);
    count();
  });

  // --- the address of a view: #t=12.3,13.1&key=…&rows=key, in seconds of the run; &of=2 selects the
  // --- second operation of the counterexample ---------------------------------------------------

  const here = document.getElementById("here");
  let waiting = 0;
  function address() {
    const seconds = (us) => String(Number((us / 1e6).toFixed(6)));
    const parts = [`t=${seconds(timeline.view.from)},${seconds(timeline.view.to)}`];
    if (timeline.key !== null) parts.push(`key=${encodeURIComponent(keyName(ops.text(timeline.key)))}`);
    if (timeline.mode === "key") parts.push("rows=key");
    return `#${parts.join("&")}`;
  }
  function restore() {
    const given = new URLSearchParams(location.hash.slice(1));
    const [from, to] = (given.get("t") ?? "").split(",").map((part) => Number.parseFloat(part) * 1e6);
    const key = given.has("key") ? named.find(([name]) => name === given.get("key"))?.[1] ?? null : null;
    if (!(to >= from) && key === null) return false;
    arrange(key, given.get("rows") === "key" ? "key" : "worker");
    jump.value = "here";
    if (to >= from) look(from, to);
    const marked = data.marked.find(([, number]) => number === Number(given.get("of")));
    if (marked) select(marked[0]);
    document.getElementById("timeline").scrollIntoView();
    return true;
  }
  timeline.looked = () => {
    here.href = address();
    clearTimeout(waiting);
    // A page that may not write its own address still has the link.
    waiting = setTimeout(() => { try { history.replaceState(null, "", here.href); } catch { /* see above */ } }, 400);
  };
  window.addEventListener("hashchange", () => { if (location.hash !== here.hash) restore(); });
  if (!restore()) {
    jump.value = opens;
    look(...places[opens]);
    clearTimeout(waiting);
  }
}
