// The panel beside the graph and the table: a stage, or one of its runs.

import { stages, runs, groups, recipes, origins, trees, choices, usedBy, recipeOf, stageOf, filesOf, title } from "./model.js";
import { h, button, copyable, definition, section, lazy, wrapped } from "./dom.js";
import { number, text, bytes, seconds, time, count, short, state, marks } from "./format.js";
import { fileList, shown } from "./files.js";
import { toggle, query, onQuery } from "./query.js";

// panel returns the panel, and what fills it.
export function panel({ onRuns }) {
  const body = h("div", { class: "panel-body" });
  const close = button("Close", () => hide(), { class: "close" });
  const element = h("aside", { class: "panel", "aria-label": "Details", tabindex: "-1", hidden: true }, h("div", { class: "panel-top" }, close), body);
  let before;
  let onStage = () => {};

  function show(...content) {
    if (element.hidden) before = document.activeElement;
    body.replaceChildren(...content.flat(Infinity).filter((c) => c));
    element.hidden = false;
    element.scrollTop = 0;
    if (window.matchMedia("(max-width: 900px)").matches) element.scrollIntoView({ block: "nearest" });
  }

  function hide() {
    element.hidden = true;
    onStage(undefined);
    before?.focus?.();
  }

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  const links = {
    stage: (stage, label) => button(label || stage.name, () => showStage(stage), { class: "link" }),
    run: (run, label) => button(label || title(run), () => showRun(run), { class: "link" }),
  };

  function showStage(stage) {
    show(stagePanel(stage, links, onRuns));
    onStage(stage);
    element.focus({ preventScroll: true });
  }

  function showRun(run) {
    show(runPanel(run, links));
    onStage(stageOf(run));
    element.focus({ preventScroll: true });
  }

  function showGroup(i) {
    show(groupPanel(groups[i], links, onRuns));
    onStage({ index: -1, group: i });
  }

  return { element, showStage, showRun, showGroup, hide, follow: (listener) => (onStage = listener) };
}

function heading(name, stage, kind) {
  return h("h2", {}, h("span", { class: "kind" }, kind), h("span", { class: "name" }, wrapped(name)),
    stage && h("span", { class: "state " + stage.state }, `${marks[stage.state] || ""} ${state(stage.state)}`));
}

// groupPanel tells of a sweep: its axes, and a list of its stages.
function groupPanel(group, links, onRuns) {
  const members = group.stages.map((i) => stages[i]);
  const list = h("ul", { class: "plain" });
  const filter = h("input", { type: "search", "aria-label": "Filter stages", placeholder: "filter", oninput: () => draw() });
  const draw = () => {
    const found = members.filter((m) => m.name.includes(filter.value));
    list.replaceChildren(...found.slice(0, 200).map((m) => h("li", {},
      h("span", { class: "state " + m.state, title: state(m.state) }, marks[m.state] || ""), " ", links.stage(m, m.name.slice(group.name.length)))));
    if (found.length > 200) list.append(h("li", { class: "faint" }, `and ${found.length - 200} more: filter them`));
  };
  draw();
  const all = members.flatMap((m) => m.runs);
  const values = group.axes.map((axis) => [axis, [...new Set(members.map((m) => text(m.config[axis])))]]);
  return [
    heading(`${group.name}[*]`, undefined, "sweep"),
    members[0].description && h("p", {}, members[0].description),
    h("p", { class: "actions" }, all.length > 0 && button(`Table of ${count(all.length, "run")}`, () => onRuns(members[0]))),
    section("Axes", true, definition(values.map(([axis, list]) => [axis, list.length > 12 ? `${list.slice(0, 12).join(", ")}, … (${list.length})` : list.join(", ")]))),
    section(count(members.length, "stage"), true, members.length > 20 && filter, list),
    recipeSections(members[0], links),
  ];
}

function stagePanel(stage, links, onRuns) {
  const own = stage.runs.map((i) => runs[i]);
  return [
    heading(stage.name, stage, "stage"),
    stage.description && h("p", {}, stage.description),
    stage.why && h("p", { class: "why" }, stage.why),
    h("p", { class: "actions" }, own.length > 0 && button(own.length > 1 ? `Table of ${count(own.length, "run")}` : "In the table", () => onRuns(stage))),
    definition([["reference", copyable(stage.dref, short(stage.dref))], ["in the plan", !stage.planned && "no: a result was made from it"]]),
    section(`Results (${own.length})`, true, own.length > 0 && runList(stage, own, links)),
    stage.failed_log && lazy("Log of the last build that failed", stage.state === "failed", () => shown(stage.failed_log)),
    recipeSections(stage, links),
  ];
}

// runList lists the runs of a stage, the chosen ones marked.
function runList(stage, own, links) {
  const list = h("ul", { class: "plain" });
  const most = 50;
  for (const run of own.slice(0, most)) {
    const by = choices[run.index].map((c) => (c.of > 1 ? `${c.by} (${c.rank} of ${c.of})` : c.by));
    list.append(h("li", {}, links.run(run, run.run ? `run ${run.run}` : short(run.rref)),
      h("span", { class: "faint" }, ` ${time(run.made)}${run.seconds ? `, ${seconds(run.seconds)}` : ""}`),
      by.length > 0 && h("span", { class: "chosen" }, ` ★ ${by.slice(0, 3).join(", ")}${by.length > 3 ? ", …" : ""}`)));
  }
  if (own.length > most) list.append(h("li", { class: "faint" }, `and ${own.length - most} more, in the table`));
  return list;
}

// recipeSections tell what a stage does, with what.
function recipeSections(stage, links) {
  const r = recipeOf(stage);
  const config = Object.entries(stage.config).map(([key, v]) => [key, h("code", {}, text(v))]);
  return [
    section(r.action === "run" ? "Script" : "Action", true,
      r.script && h("pre", { class: "code", tabindex: "0" }, r.script.replace(/^\n/, "").trimEnd()),
      r.argv && h("pre", { class: "code", tabindex: "0" }, r.argv.join(" ")),
      r.action === "import" && h("p", {}, "Takes in files of the project, or literal ones."),
      r.fetch && definition([["from", r.fetch.urls.map((u) => h("div", {}, copyable(u)))], ["hash", copyable(r.fetch.hash)], ["unpacked", r.fetch.unpack && "yes"]])),
    section("Config", true, definition(config)),
    section("Inputs", true, definition(stage.inputs.map((input) => [input.name, inputText(input, links)]))),
    section("Promises", true, promises(r)),
    section("Conditions", false, definition([
      ["matcher", r.match], ["metrics", r.metrics?.join(", ")], ["shell", r.shell?.join(" ")], ["tools", r.tools?.join(", ")],
      ["environment", Object.entries(r.env || {}).map(([k, v]) => h("div", {}, h("code", {}, `${k}=${v}`)))],
      ["network", r.network && "allowed"], ["isolation", r.sandbox && `differs: ${r.sandbox}`], ["always run", r.always && "yes"],
      ["carried on", r.carry?.join(", ")], ["limits", stage.limits?.join(", ")],
    ])),
    r.check && section("Check", false, h("pre", { class: "code", tabindex: "0" }, r.check)),
    r.source && lazy(`Source files (${trees[r.source].filter((f) => f.kind !== "d").length})`, false, () => fileList(trees[r.source])),
  ];
}

function inputText(input, links) {
  const parts = [];
  const most = 8;
  input.from.slice(0, most).forEach((i, n) => parts.push(n > 0 && ", ", links.stage(stages[i])));
  if (input.from.length > most) parts.push(`, … (${input.from.length})`);
  if (input.outputs) parts.push(`, shows ${input.outputs.join(", ")}`);
  if (input.list) parts.push(", as a list");
  if (input.match) parts.push(`, match ${input.match}`);
  return parts;
}

function promises(recipe) {
  if (!recipe.outputs.length) return undefined;
  return definition(recipe.outputs.map((o) => {
    const more = [o.kind !== "any" && o.kind, o.nonempty && "not empty", o.optional && "optional", o.volatile && "volatile"].filter(Boolean);
    return [o.name, [h("code", {}, o.path), more.length > 0 && ` (${more.join(", ")})`]];
  }));
}

function runPanel(run, links) {
  const stage = stageOf(run), origin = origins[run.origin];
  const metrics = Object.entries(run.metrics).map(([key, v]) => [key, h("code", {}, number(v))]);
  const config = Object.entries(stage.config).map(([key, v]) => [key, h("code", {}, text(v))]);
  const by = choices[run.index].map((c) => h("div", {}, c.by, c.of > 1 && ` (${c.rank} of ${c.of})`));
  const pictures = filesOf(run).filter((f) => f.content && isPicture(f.path));
  return [
    heading(title(run), undefined, "result"),
    h("p", { class: "actions" }, selectButton(run), button("Its stage", () => links.stage(stage).click())),
    by.length > 0 && definition([["chosen by", by]]),
    pictures.length > 0 && section(pictures.length > 1 ? "Pictures" : "Picture", true, pictures.slice(0, 4).map((f) => shown(f.content, f.path))),
    section("Metrics", true, definition(metrics)),
    section("Config", true, definition(config)),
    section("Provenance", true, provenance(run, links)),
    lazy(`Files (${filesOf(run).filter((f) => f.kind !== "d").length}, ${bytes(run.bytes)})`, true, () => fileList(filesOf(run))),
    run.log && lazy("Log", false, () => shown(run.log)),
    section("Record", true, definition([
      ["reference", copyable(run.rref, short(run.rref))], ["derivation", copyable(stage.dref, short(stage.dref))],
      ["tree", copyable(run.tree, run.tree.slice(0, 8) + "…")], ["action key", copyable(run.action, run.action.slice(0, 8) + "…")],
      ["made", `${time(run.made)} UTC`], ["time", run.seconds > 0 && seconds(run.seconds)], ["CPU", run.cpu > 0 && seconds(run.cpu)],
      ["memory", run.max_rss > 0 && bytes(run.max_rss)], ["by", origin.by && `${origin.by} on ${origin.host}`], ["plx", origin.version],
      ["isolation", origin.sandbox], ["tools", Object.entries(origin.tools || {}).map(([name, where]) => h("div", {}, `${name}: `, copyable(where)))],
      ["adopted from", run.adopted && copyable(run.adopted, short(run.adopted))], ["carried on", run.carried && "from what an earlier attempt left"],
      ["by hand", run.hand && "no command made it, or not alone"],
    ])),
    usedBy[run.index].length > 0 && lazy(`Used by (${usedBy[run.index].length})`, false, () =>
      h("ul", { class: "plain" }, usedBy[run.index].slice(0, 100).map((u) => h("li", {}, links.run(u.run), h("span", { class: "faint" }, ` as ${u.input}`))))),
  ];
}

const isPicture = (path) => /\.(png|jpe?g|gif|webp|svg)$/i.test(path);

function selectButton(run) {
  const b = button("", () => toggle(run));
  const draw = () => {
    const on = query.selected.has(run.index);
    b.textContent = on ? "Selected for comparison ✓" : "Select for comparison";
    b.setAttribute("aria-pressed", on);
  };
  onQuery(draw);
  draw();
  return b;
}

// provenance is the tree of what a run was made from, down to files of the
// project and downloads. Each level is made when it is opened.
function provenance(run, links) {
  const stage = stageOf(run), recipe = recipes[stage.recipe];
  const list = h("ul", { class: "tree" });
  for (const input of stage.inputs) {
    for (const [n, i] of (run.context[input.name] || []).entries()) {
      const label = run.context[input.name].length > 1 ? `${input.name} ${n + 1}` : input.name;
      list.append(h("li", {}, i < 0 ? `${label}: removed from the store` : branch(label, runs[i], links)));
    }
  }
  if (recipe.fetch) {
    list.append(h("li", {}, "downloaded: ", recipe.fetch.urls.map((u) => copyable(u)), " ", copyable(recipe.fetch.hash)));
  }
  const files = recipe.source ? trees[recipe.source].filter((f) => f.kind !== "d") : [];
  for (const f of files.slice(0, 30)) {
    list.append(h("li", {}, "file ", h("code", {}, f.path), " ", f.blake3 && copyable(f.blake3, `blake3 ${f.blake3.slice(0, 12)}…`)));
  }
  if (files.length > 30) list.append(h("li", { class: "faint" }, `and ${files.length - 30} more files`));
  if (run.lost) run.lost.forEach((ref) => list.append(h("li", {}, "not in the store any more: ", copyable(ref, short(ref)))));
  return list.children.length ? list : h("p", { class: "faint" }, "It was made from nothing but its script.");
}

function branch(label, run, links) {
  const details = h("details", {}, h("summary", {}, `${label}: `, h("b", {}, title(run)), " ", h("span", { class: "faint" }, short(run.rref))));
  details.addEventListener("toggle", () => {
    if (details.children.length === 1) details.append(h("p", {}, copyable(run.rref), " ", links.run(run, "Look at it")), provenance(run, links));
  }, { once: true });
  return details;
}

