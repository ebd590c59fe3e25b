// The page: its views, and going from one to the other.

import { report, stages, runs, left } from "./model.js";
import { h, button, say } from "./dom.js";
import { bytes, count, time } from "./format.js";
import { views, viewOfStage, columnsOf } from "./columns.js";
import { query, onQuery, change } from "./query.js";
import { graphView } from "./picture.js";
import { tableView, queryBar, columnChooser } from "./table.js";
import { plotsView } from "./plots.js";
import { compareView } from "./compare.js";
import { panel } from "./detail.js";

const main = document.getElementById("main");

function start() {
  if (!stages.length) {
    main.replaceChildren(h("p", { class: "empty" }, "There is no stage in this report."));
    return;
  }
  const details = panel({ onRuns: toRuns });
  const graph = graphView({ onStage: details.showStage, onGroup: details.showGroup });
  const tabs = { graph: ["Graph", [graph.element], graph] };
  details.follow((stage) => graph.mark(stage));
  if (runs.length) {
    const table = tableView({ onRun: details.showRun });
    const plots = plotsView({ onRun: details.showRun });
    const compare = compareView({
      onRun: details.showRun,
      onCurves: () => {
        plots.kind("curves");
        change({ view: viewHolding(), tab: "plots" });
      },
    });
    tabs.runs = ["Runs", [queryBar(views, [columnChooser(), button("Compare", () => change({ tab: "compare" }), { class: "to-compare" })]), table.element], table];
    tabs.plots = ["Plots", [queryBar(views), plots.element], plots];
    tabs.compare = ["Compare", [compare.element], compare];
  }
  const bar = tabBar(tabs);
  const content = h("div", { class: "content-area" });
  for (const [name, [, elements]] of Object.entries(tabs)) {
    content.append(h("section", { id: `view-${name}`, class: `view ${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}`, hidden: true }, elements));
  }
  main.replaceChildren(content, details.element);
  let current = "";
  const go = (name) => {
    if (!tabs[name] || name === current) return;
    tabs[current]?.[2].hide?.();
    if (current) document.getElementById(`view-${current}`).hidden = true;
    current = name;
    document.getElementById(`view-${name}`).hidden = false;
    tabs[name][2].show?.();
    bar(name);
    if (location.hash.slice(1).split("/")[0] !== name) location.hash = name;
  };
  onQuery((what) => what.tab && go(what.tab));
  window.addEventListener("hashchange", () => go(location.hash.slice(1).split("/")[0]));
  about();
  keys(go, tabs);
  go(tabs[location.hash.slice(1)] ? location.hash.slice(1) : "graph");

  function toRuns(stage) {
    change({ view: viewOfStage(stage), filter: stage.group >= 0 ? "" : query.filter, tab: "runs" });
    if (stage.group >= 0) say(`Runs of ${query.view.label}`);
  }
}

// viewHolding returns a view that has all that is selected.
function viewHolding() {
  const selected = [...query.selected];
  return views.find((v) => selected.every((i) => v.runs.includes(i))) || query.view;
}

// tabBar makes the tabs; the function it returns marks one of them.
function tabBar(tabs) {
  const nav = document.getElementById("tabs");
  const names = Object.keys(tabs);
  for (const name of names) {
    nav.append(h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, onclick: () => change({ tab: name }),
      onkeydown: (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = names[(names.indexOf(name) + by + names.length) % names.length];
        change({ tab: next });
        document.getElementById(`tab-${next}`).focus();
      },
    }, tabs[name][0], name === "compare" && h("span", { class: "badge", id: "selected-count" })));
  }
  const badge = document.getElementById("selected-count");
  const draw = () => {
    if (badge) badge.textContent = query.selected.size ? ` ${query.selected.size}` : "";
    for (const b of document.querySelectorAll(".to-compare")) {
      b.textContent = query.selected.size > 1 ? `Compare ${query.selected.size}` : "Compare";
      b.disabled = query.selected.size < 2;
    }
  };
  onQuery(draw);
  setTimeout(draw);
  return (current) => {
    for (const name of names) {
      const tab = document.getElementById(`tab-${name}`);
      tab.setAttribute("aria-selected", name === current);
      tab.tabIndex = name === current ? 0 : -1;
    }
  };
}

// about tells what the page is of, and has the switch of colours.
function about() {
  const planned = stages.filter((s) => s.planned).length;
  const params = Object.entries(report.params).map(([k, v]) => `${k}=${v}`).join(", ");
  const schemes = ["auto", "light", "dark"];
  let scheme = 0;
  const theme = button("Colours: auto", () => {
    scheme = (scheme + 1) % schemes.length;
    if (scheme) document.documentElement.dataset.theme = schemes[scheme];
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Colours: ${schemes[scheme]}`;
    change({ theme: true });
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => change({ theme: true }));
  document.getElementById("about").append(...[
    h("span", { class: "facts" }, `${count(planned, "stage")}, ${count(runs.length, "result")}${params ? `, with ${params}` : ""}`),
    h("span", { class: "facts" }, `${time(Date.parse(report.made))} UTC, plx ${report.version}`),
    left.files > 0 && h("span", { class: "facts", title: "plx report -o DIR/ makes a page with all of them" }, `${count(left.files, "file")} (${bytes(left.bytes)}) left out`),
    theme].filter(Boolean));
}

// keys: 1 to 4 for the views, / for the filter.
function keys(go, tabs) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const name = Object.keys(tabs)[Number(event.key) - 1];
    if (name) go(name);
    else if (event.key === "/") {
      const filter = document.querySelector(".view:not([hidden]) input[type=search]");
      if (!filter) go("runs");
      (filter || document.querySelector(".view.runs input[type=search]"))?.focus();
    } else return;
    event.preventDefault();
  });
}

columnsOf(query.view);
start();
