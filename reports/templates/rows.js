// Which row of the timeline each operation stands in: a row a worker, or a row a key. Operations of a
// key that overlap share its row in slots, or have rows of their own where one key alone is shown.
"use strict";

const KEY_ROWS = 60, SLOTS = 4;

// A key as a reader writes it: a string without its quotes.
function keyName(text) {
  return /^".*"$/.test(text) && !text.includes("\\") ? text.slice(1, -1) : text;
}

// A row a worker: the processes that follow each other in it, with the times of their calls.
function byWorker(data, ops) {
  const spans = data.lanes.map((processes) => processes.map((process) => [process, Infinity, 0]));
  const spanOf = new Map(spans.flat().map((span) => [span[0], span]));
  for (let i = 0; i < ops.total; i++) {
    const span = spanOf.get(ops.process[i]);
    span[1] = Math.min(span[1], ops.begin[i]);
    span[2] = Math.max(span[2], ops.last[i]);
  }
  // The first process of the row that is in view, and a sign if others follow it there.
  const label = (row, view, wide) => {
    const there = spans[row].filter(([, from, to]) => from <= view.to && to >= view.from);
    return there.length ? `${ops.name(there[0][0])}${there.length > 1 && wide ? " …" : ""}` : "";
  };
  return { count: spans.length, row: ops.lane, slot: null, slots: null, label, left: 0 };
}

// A row a key, those of the counterexample first; only one key's, if it is given.
function byKey(data, ops, only) {
  const keys = new Map(), ends = [];
  const take = (key) => { if (!keys.has(key)) { keys.set(key, keys.size); ends.push([]); } };
  if (only !== null) take(only);
  else for (const [i] of data.marked) take(ops.key[i]);
  const row = new Int32Array(ops.total).fill(-1), slot = new Int32Array(ops.total);
  for (let i = 0; i < ops.total; i++) {
    if (only !== null && ops.key[i] !== only) continue;
    take(ops.key[i]);
    const own = keys.get(ops.key[i]), busy = ends[own];
    let free = busy.findIndex((until) => until <= ops.begin[i]);
    if (free < 0) free = busy.push(0) - 1;
    busy[free] = ops.last[i];
    [row[i], slot[i]] = only === null ? [own < KEY_ROWS ? own : -1, free % SLOTS] : [free, 0];
  }
  const names = [...keys.keys()].map((key) => keyName(ops.text(key)));
  if (only !== null) {
    const count = Math.max(ends[0].length, 1);
    return { count, row, slot: null, slots: null, left: 0, label: (n) => (n ? "" : names[0]) };
  }
  const slots = ends.map((busy) => Math.min(Math.max(busy.length, 1), SLOTS));
  return {
    count: Math.min(keys.size, KEY_ROWS), row, slot, slots,
    label: (n) => names[n], left: Math.max(keys.size - KEY_ROWS, 0),
  };
}
