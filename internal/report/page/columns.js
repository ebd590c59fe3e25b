// The tables of runs: which runs a view has, and which columns.

import { runs, stages, groups, origins, stageOf, picked } from "./model.js";
import { number, text, bytes, seconds, time } from "./format.js";

// views are what can be looked at: each sweep, each stage, and all.
export const views = [];
for (const [i, group] of groups.entries()) {
  const all = group.stages.flatMap((n) => stages[n].runs);
  if (all.length) views.push({ id: "g" + i, label: `${group.name}[*]`, runs: all, axes: group.axes });
}
for (const stage of stages) {
  if (stage.runs.length && stage.group < 0) {
    views.push({ id: "s" + stage.index, label: stage.planned ? stage.name : `${stage.name} (not in the plan)`, runs: stage.runs, axes: [] });
  }
}
views.push({ id: "all", label: "all runs", runs: runs.map((r) => r.index), axes: [] });

export function viewOfStage(stage) {
  return views.find((v) => v.id === "g" + stage.group || v.id === "s" + stage.index) || views.at(-1);
}

// largest is the view to begin with.
export function largest() {
  return views.slice(0, -1).reduce((a, b) => (b.runs.length > a.runs.length ? b : a), views[0]);
}

const fixed = [
  ["made", "made (UTC)", (r) => r.made, time, "time"],
  ["seconds", "time", (r) => r.seconds, seconds, "number"],
  ["cpu", "CPU", (r) => r.cpu, seconds, "number"],
  ["max_rss", "memory", (r) => r.max_rss, bytes, "number"],
  ["bytes", "size", (r) => r.bytes, bytes, "number"],
  ["host", "host", (r) => origins[r.origin].host, text, "text"],
  ["by", "by", (r) => origins[r.origin].by, text, "text"],
  ["version", "plx", (r) => origins[r.origin].version, text, "text"],
  ["rref", "reference", (r) => r.rref, text, "text"],
];
const shownFixed = ["made", "seconds"];

// columnsOf returns the columns of a view, in order: { key, label, get, format,
// kind, role, shown }. Role tells config, metric and record apart.
export function columnsOf(view) {
  if (view.columns) return view.columns;
  const all = view.runs.map((i) => runs[i]);
  const columns = [];
  const add = (key, label, get, format, kind, role, shown) => columns.push({ key, label, get, format, kind, role, shown });
  const many = new Set(all.map((r) => r.stage)).size > 1;
  add("chosen", "★", (r) => picked(r, view).map((c) => (c.of > 1 ? `${c.by} #${c.rank}` : c.by)).join(", "), text, "text", "record", true);
  if (!view.axes.length && many) add("name", "name", nameOf, text, "text", "record", false);
  add("stage", "stage", (r) => stageOf(r).name, text, "text", "record", many && !view.axes.length);
  const config = keysOf(all, (r) => stageOf(r).config);
  const order = [...view.axes, ...config.filter((k) => !view.axes.includes(k))];
  for (const key of order) {
    const get = (r) => stageOf(r).config[key];
    const values = new Set(all.map((r) => JSON.stringify(get(r))));
    add("config." + key, key, get, number, kindOf(all, get), "config", values.size > 1);
  }
  add("run", "run", (r) => r.run, number, "number", "record", all.some((r) => r.run > 1));
  const metrics = keysOf(all, (r) => r.metrics);
  metrics.forEach((key, i) => {
    const get = (r) => r.metrics[key];
    add(key, metricLabel(key, metrics), get, number, kindOf(all, get), "metric", i < 10 && !inConfig(all, key, get));
  });
  for (const [key, label, get, format, kind] of fixed) add(key, label, get, format, kind, "record", shownFixed.includes(key));
  return (view.columns = columns);
}

// nameOf names the stage of a run, or its sweep.
function nameOf(run) {
  const stage = stageOf(run);
  return stage.group >= 0 ? `${groups[stage.group].name}[*]` : stage.name;
}

// metricLabel leaves out the name of the output, if all are in one.
function metricLabel(key, all) {
  const output = key.split(".", 1)[0];
  return all.every((k) => k.startsWith(output + ".")) ? key.slice(output.length + 1) : key;
}

// inConfig tells whether a metric only repeats a value of the config.
function inConfig(all, key, get) {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return all.every((r) => stageOf(r).config[name] !== undefined && stageOf(r).config[name] === get(r));
}

// keysOf returns the keys of some tables, each once, as they come.
function keysOf(all, tableOf) {
  const keys = new Set();
  let last;
  for (const r of all) {
    const table = tableOf(r);
    if (table !== last) for (const key of Object.keys(table)) keys.add(key);
    last = table;
  }
  return [...keys];
}

function kindOf(all, get) {
  const values = all.map(get).filter((v) => v !== undefined && v !== null);
  if (values.length && values.every((v) => typeof v === "number")) return "number";
  return values.length && values.every((v) => typeof v === "boolean") ? "bool" : "text";
}

// find returns the column that a name in a filter means: its key, its label, or
// the last part of its key, if only one has that.
export function find(columns, name) {
  const exact = columns.find((c) => c.key === name) || columns.find((c) => c.label === name);
  if (exact) return exact;
  const ending = columns.filter((c) => c.key.endsWith("." + name));
  return ending.length === 1 ? ending[0] : undefined;
}

// compare orders two values of a column: numbers, then texts; what is missing
// comes last, whichever way is sorted.
export function compare(a, b, descending) {
  const none = (v) => v === undefined || v === null || v === "";
  if (none(a) || none(b)) return none(a) - none(b);
  const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  return descending ? -order : order;
}
