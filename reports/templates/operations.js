// The operations of the timeline, decoded, and what is said of each. Times are microseconds since
// the run began. Every text comes from the run and is only ever drawn on a canvas or set as
// textContent, never as markup.
"use strict";

const OUTCOMES = ["ok", "fail", "info"];

// What was made small, see reports/assets.py.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

function decoded(data) {
  const ops = data.operations, total = ops.lane.length, end = Math.max(data.end, 1);
  const begin = new Float64Array(total), last = new Float64Array(total), point = new Float64Array(total);
  for (let i = 0, now = 0; i < total; i++) {
    begin[i] = now += ops.begin[i];
    last[i] = ops.last[i] < 0 ? end : now + ops.last[i];
    point[i] = ops.point && ops.rank[i] >= 0 ? now + ops.point[i] : NaN;
  }
  const number = new Map(data.marked);
  const text = (index) => (index < 0 ? "null" : ops.texts[index]);

  // For each key its operations that have a point, in the order of the witness.
  const witness = new Map();
  for (let i = 0; i < total; i++) {
    if (Number.isNaN(point[i])) continue;
    if (!witness.has(ops.key[i])) witness.set(ops.key[i], []);
    witness.get(ops.key[i]).push(i);
  }
  for (const order of witness.values()) order.sort((one, other) => ops.rank[one] - ops.rank[other]);

  function duration(us) {
    const [unit, size] = us >= 1e6 ? ["s", 1e6] : us >= 1e3 ? ["ms", 1e3] : ["µs", 1];
    const value = us / size;
    return `${value.toFixed(unit === "µs" || value >= 100 ? 0 : value < 10 ? 2 : 1)} ${unit}`;
  }
  // Without times, positions of the file stand in for seconds.
  const moment = (us) => (data.timed ? `${(us / 1e6).toFixed(3)} s` : `position ${Math.round(us / 1e6)}`);
  const name = (process) => data.names[process] ?? process;

  function did(i) {
    const called = data.functions[ops.function[i]], ok = ops.outcome[i] === 0;
    const argument = text(ops.argument[i]), result = text(ops.result[i]);
    if (called === "read") return ok ? `read ${result}` : "tried to read";
    if (called === "write") return `${ok ? "wrote" : "tried to write"} ${argument}`;
    const call = ops.argument[i] < 0 ? called : `${called} ${argument}`;
    return ok ? `${call} → ${result}` : call;
  }

  function describe(i) {
    const parts = [
      `${number.has(i) ? `No. ${number.get(i)} of the counterexample: ` : ""}process ` +
        `${name(ops.process[i])} ${did(i)}, key ${text(ops.key[i])}`,
      OUTCOMES[ops.outcome[i]] + (ops.error[i] < 0 ? "" : ` (${data.words[ops.error[i]]})`),
      ops.last[i] < 0
        ? `from ${moment(begin[i])}, never completed`
        : `${moment(begin[i])} to ${moment(last[i])}` + (data.timed ? ` (${duration(ops.last[i])})` : ""),
    ];
    if (ops.node[i] >= 0) parts.push(`node ${data.words[ops.node[i]]}`);
    if (!Number.isNaN(point[i])) parts.push(`can have taken effect at ${(point[i] / 1e6).toFixed(6)} s, as no. ${ops.rank[i] + 1} of its key`);
    return parts.join(" · ");
  }

  // Which operations have these words in a key or a value, or this number as their process.
  function search(words) {
    const wanted = words.trim().toLowerCase();
    if (!wanted) return null;
    const hits = ops.texts.map((one) => one.toLowerCase().includes(wanted));
    return Uint8Array.from({ length: total }, (_, i) =>
      String(name(ops.process[i])).toLowerCase() === wanted || hits[ops.key[i]] || hits[ops.argument[i]] || hits[ops.result[i]] ? 1 : 0);
  }

  return { ...ops, text, total, end, begin, last, point, number, witness, did, describe, search, name };
}
