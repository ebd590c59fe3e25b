// Two or more runs side by side: what differs is marked, and told first.

import { query, onQuery, change, selectedRuns } from "./query.js";
import { recipes, stages, runs, trees, origins, stageOf, filesOf, title, content } from "./model.js";
import { h, button, lazy, copyable, wrapped } from "./dom.js";
import { number, text, bytes, seconds, time, count, short } from "./format.js";
import { diffLines, around } from "./diff.js";
import { image } from "./files.js";

const most = 8; // runs side by side

export function compareView({ onRun, onCurves }) {
  const element = h("div", { class: "compare-view" });
  let visible = false;

  function render() {
    if (!visible) return;
    const all = selectedRuns();
    if (all.length < 2) {
      element.replaceChildren(h("div", { class: "empty" }, h("p", {}, all.length ? "One run is selected. Select another one, in the table." : "Select two or more runs in the table, to compare them: a click on the boxes, or the space key."),
        button("To the table", () => change({ tab: "runs" }))));
      return;
    }
    const shown = all.slice(0, most);
    element.replaceChildren(...[
      h("div", { class: "toolbar" }, h("span", {}, `${count(all.length, "run")} selected${all.length > most ? `; the first ${most} are shown` : ""}. Differences are told from the first.`),
        h("span", { class: "spring" }), hasTables(shown) && button("Curves of these", onCurves), button("Select none", () => change({ selected: new Set() }))),
      matrix("Config", shown, keys(shown, (r) => stageOf(r).config), (r, key) => stageOf(r).config[key], text, head(shown)),
      scripts(shown),
      matrix("Metrics", shown, ownMetrics(shown), (r, key) => r.metrics[key], number, undefined, delta),
      pictures(shown),
      inputs(shown),
      matrix("Record", shown, Object.keys(record), (r, key) => record[key](r), (v) => v),
      files(shown),
    ].filter(Boolean));
  }

  // head names the runs, with what can be done with each.
  function head(shown) {
    return h("tr", {}, h("td", {}), shown.map((r, i) => h("th", { scope: "col" },
      h("button", { type: "button", class: "link", onclick: () => onRun(r) }, wrapped(title(r))), h("div", { class: "small" }, copyable(r.rref, short(r.rref))),
      h("div", { class: "small" }, i === 0 ? h("b", {}, "the first") : button("Make it the first", () => first(r), { class: "link" }), " ",
        button("Remove", () => remove(r), { class: "link", "aria-label": `Remove ${title(r)}` })))));
  }

  function first(run) {
    change({ selected: new Set([run.index, ...query.selected]) });
  }

  function remove(run) {
    change({ selected: new Set([...query.selected].filter((i) => i !== run.index)) });
  }

  onQuery((what) => "selected" in what && render());
  return {
    element,
    show: () => {
      visible = true;
      render();
    },
    hide: () => (visible = false),
  };
}

const hasTables = (shown) => shown.some((r) => filesOf(r).some((f) => f.content && /\.[ct]sv$/i.test(f.path)));

const record = {
  made: (r) => `${time(r.made)} UTC`,
  time: (r) => seconds(r.seconds),
  CPU: (r) => seconds(r.cpu),
  memory: (r) => bytes(r.max_rss),
  size: (r) => bytes(r.bytes),
  run: (r) => String(r.run || "–"),
  host: (r) => origins[r.origin].host,
  plx: (r) => origins[r.origin].version,
  tools: (r) => Object.entries(origins[r.origin].tools || {}).map(([name, tool]) => `${name} ${tool.split(" ").pop().slice(0, 8)}`).join(", "),
};

function keys(shown, tableOf) {
  return [...new Set(shown.flatMap((r) => Object.keys(tableOf(r))))];
}

// ownMetrics leaves out those that only repeat the config.
function ownMetrics(shown) {
  const repeats = (key) => shown.every((r) => stageOf(r).config[key.slice(key.lastIndexOf(".") + 1)] === r.metrics[key]);
  return keys(shown, (r) => r.metrics).filter((key) => !repeats(key));
}

// matrix is a table of values, a row for each key. Rows that are the same for
// all come after, closed.
function matrix(name, shown, names, get, format, top, more) {
  const values = names.map((key) => [key, shown.map((r) => get(r, key))]).filter(([, list]) => list.some((v) => v !== undefined && v !== ""));
  const differs = ([, list]) => list.some((v) => JSON.stringify(v) !== JSON.stringify(list[0]));
  const row = ([key, list]) => h("tr", { class: differs([key, list]) ? "differs" : "" }, h("th", { scope: "row" }, key),
    list.map((v, i) => h("td", {}, v === undefined ? h("span", { class: "faint" }, "none") : format(v), i > 0 && more && more(list[0], v))));
  const different = values.filter(differs), same = values.filter((v) => !differs(v));
  const columns = () => h("colgroup", {}, h("col", { class: "names" }), shown.map(() => h("col", {})));
  const table = (rows, withHead) => {
    const t = h("table", { class: "matrix" }, columns(), withHead && h("thead", {}, top), h("tbody", {}, rows.map(row)));
    t.style.setProperty("--runs", shown.length);
    return t;
  };
  if (!values.length && !top) return undefined;
  return h("section", { class: "compared" }, h("h2", {}, name),
    (different.length > 0 || top) && h("div", { class: "matrix-scroll", tabindex: "0" }, table(different, top)),
    different.length === 0 && h("p", { class: "faint" }, values.length ? "Nothing differs." : "There is none."),
    same.length > 0 && h("details", { class: "same" }, h("summary", {}, different.length ? `${count(same.length, "value")} ${same.length === 1 ? "is" : "are"} the same` : count(same.length, "value")),
      h("div", { class: "matrix-scroll" }, table(same, false))));
}

// delta tells by how much a number differs from the first.
function delta(base, v) {
  if (typeof base !== "number" || typeof v !== "number" || base === v) return undefined;
  const d = v - base, percent = base === 0 ? "" : `, ${d > 0 ? "+" : "−"}${number(Number(Math.abs((100 * d) / base).toPrecision(3)))} %`;
  return h("span", { class: "delta" }, ` ${d > 0 ? "+" : "−"}${number(Number(Math.abs(d).toPrecision(4)))}${percent}`);
}

// scripts shows how scripts and source files differ from those of the first.
function scripts(shown) {
  const base = stageOf(shown[0]);
  const parts = [];
  const seen = new Set([base.recipe]);
  for (const run of shown.slice(1)) {
    const stage = stageOf(run);
    if (seen.has(stage.recipe)) continue;
    seen.add(stage.recipe);
    const a = recipes[base.recipe], b = recipes[stage.recipe];
    if (scriptOf(a) !== scriptOf(b)) parts.push(h("h3", {}, `${base.name} → ${stage.name}`), unified(scriptOf(a), scriptOf(b)));
    for (const [path, before, after] of changedSources(a, b)) parts.push(sourceDiff(path, before, after));
  }
  return h("section", { class: "compared" }, h("h2", {}, "Script and sources"), parts.length ? parts : lazy("They are the same", false, () => h("pre", { class: "code", tabindex: "0" }, scriptOf(recipes[base.recipe]))));
}

const scriptOf = (recipe) => (recipe.script || (recipe.argv || []).join(" ")).replace(/^\n/, "").trimEnd();

function unified(before, after) {
  const lines = around(diffLines(before, after));
  const names = { "-": "del", "+": "add", " ": "ctx", "…": "gap" };
  return h("pre", { class: "diff", tabindex: "0" }, lines.map(([kind, line]) =>
    h("span", { class: names[kind] }, kind === "…" ? `… ${count(line, "line")} the same\n` : `${kind} ${line}\n`)));
}

function changedSources(a, b) {
  const files = (r) => new Map((r.source ? trees[r.source] : []).filter((f) => f.kind !== "d").map((f) => [f.path, f]));
  const before = files(a), after = files(b);
  return [...new Set([...before.keys(), ...after.keys()])].sort().map((path) => [path, before.get(path), after.get(path)])
    .filter(([, x, y]) => (x && (x.blake3 || x.target)) !== (y && (y.blake3 || y.target)));
}

function sourceDiff(path, before, after) {
  const textOf = async (f) => (f ? (f.content ? (await content(f.content)).text : undefined) : "");
  const place = h("div", {}, "…");
  const what = !before ? "only in the later" : !after ? "only in the first" : "differs";
  Promise.all([textOf(before), textOf(after)]).then(([a, b]) => {
    place.replaceChildren(a === undefined || b === undefined ? h("p", { class: "faint" }, "It is not in the page.") : unified(a ?? "", b ?? ""));
  }, (error) => place.replaceChildren(error.message));
  return h("div", {}, h("h3", {}, h("code", {}, path), ` ${what}`), place);
}

// inputs tells which inputs were other results.
function inputs(shown) {
  const names = [...new Set(shown.flatMap((r) => Object.keys(r.context)))];
  const of = (r, name) => (r.context[name] ? r.context[name].map((i) => (i < 0 ? "removed" : `${runs[i].run && stages[runs[i].stage].runs.length > 1 ? `run ${runs[i].run} ` : ""}${short(runs[i].rref)}`)).join(", ") : undefined);
  return matrix("Inputs", shown, names, of, (v) => (v.length > 160 ? v.slice(0, 160) + "…" : v));
}

// files tells which files are the same, by their hashes.
function files(shown) {
  const lists = shown.map((r) => new Map(filesOf(r).filter((f) => f.kind !== "d").map((f) => [f.path, f])));
  const paths = [...new Set(lists.flatMap((m) => [...m.keys()]))].sort();
  const limited = paths.slice(0, 500);
  const get = (r, path) => {
    const f = lists[shown.indexOf(r)].get(path);
    return f && (f.kind === "l" ? `→ ${f.target}` : `${bytes(f.size)} ${(f.blake3 || "").slice(0, 8)}`);
  };
  return matrix(paths.length > limited.length ? `Files (the first ${limited.length} of ${paths.length})` : "Files", shown, limited, get, (v) => v);
}

// pictures puts those that have the same name beside each other.
function pictures(shown) {
  const isPicture = (f) => f.content && /\.(png|jpe?g|gif|webp|svg)$/i.test(f.path);
  const paths = [...new Set(shown.flatMap((r) => filesOf(r).filter(isPicture).map((f) => f.path)))].sort().slice(0, 12);
  if (!paths.length) return undefined;
  return h("section", { class: "compared" }, h("h2", {}, "Pictures"), paths.map((path) => lazy(path, true, () =>
    h("div", { class: "images" }, shown.map((r) => {
      const f = filesOf(r).find((f) => f.path === path && f.content);
      const figure = h("figure", {}, h("figcaption", {}, title(r)));
      if (f) content(f.content).then((c) => figure.prepend(image(c, `${path} of ${title(r)}`)));
      return figure;
    })))));
}

