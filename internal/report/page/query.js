// Which runs are looked at: the view, the filter and the order that the table
// and the plots share; and which runs are selected, to be compared.

import { runs } from "./model.js";
import { views, largest, columnsOf, find, compare } from "./columns.js";
import { parse, isWords } from "./filter.js";

const listeners = [];

export const query = {
  view: largest(),
  filter: "",
  problem: "", // with the filter
  sort: { key: "", descending: false },
  rows: [], // runs, filtered and in order
  selected: new Set(), // places of runs, in the order in which they were selected
};

export function onQuery(listener) {
  listeners.push(listener);
}

// change sets some of what is asked, and tells all who show it.
export function change(what) {
  if (what.view && what.view !== query.view) query.sort = { key: "", descending: false };
  Object.assign(query, what);
  if ("view" in what || "filter" in what || "sort" in what) refresh();
  for (const listener of listeners) listener(what);
}

export function toggle(run) {
  const selected = new Set(query.selected);
  if (!selected.delete(run.index)) selected.add(run.index);
  change({ selected });
}

export function selectedRuns() {
  return [...query.selected].map((i) => runs[i]);
}

function refresh() {
  const columns = columnsOf(query.view);
  let rows = query.view.runs.map((i) => runs[i]);
  query.problem = "";
  try {
    rows = rows.filter(condition(query.filter, columns));
  } catch (error) {
    query.problem = error.message;
  }
  const { key, descending } = query.sort;
  const column = columns.find((c) => c.key === key);
  if (column) {
    const values = new Map(rows.map((r) => [r, column.get(r)]));
    rows.sort((a, b) => compare(values.get(a), values.get(b), descending));
  }
  query.rows = rows;
}

// condition returns the function that a filter is.
function condition(text, columns) {
  if (!text.trim()) return () => true;
  if (isWords(text)) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (run) => words.every((w) => textOf(run, columns).includes(w));
  }
  const { holds, names } = parse(text);
  const getters = new Map(names.map((name) => {
    const column = find(columns, name);
    if (!column) throw new Error(`no column ${name}; there are ${columns.map((c) => c.key).join(", ")}`);
    return [name, column.get];
  }));
  return (run) => holds((name) => getters.get(name)(run));
}

// texts are what words are looked for in: what the table says of a run.
const texts = new Map();

function textOf(run, columns) {
  let text = texts.get(run);
  if (text === undefined) {
    text = columns.map((c) => (c.kind === "time" ? "" : c.format(c.get(run)))).join("\n").toLowerCase();
    texts.set(run, text);
  }
  return text;
}

// prepare makes the texts while nothing else is to be done, so that the first
// words are found at once, too.
function prepare(from) {
  const columns = columnsOf(views.at(-1)), end = Math.min(runs.length, from + 100);
  for (let i = from; i < end; i++) textOf(runs[i], columns);
  if (end < runs.length) setTimeout(() => prepare(end), 10);
}

if (views.length) {
  refresh();
  setTimeout(() => prepare(0), 500);
}
