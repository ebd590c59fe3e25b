// The graph of stages, as plx has laid it out: sweeps folded, one at a time open.

import { graph, groups, stages } from "./model.js";
import { h, s, button, say } from "./dom.js";
import { marks, state, count } from "./format.js";

const zooms = [0.25, 0.35, 0.5, 0.7, 0.85, 1, 1.25, 1.6, 2];

// graphView returns the view; onStage and onGroup are told what was chosen.
export function graphView({ onStage, onGroup }) {
  let open = -1, zoom = 1, own = false, current; // own: the reader has set the zoom
  const scroller = h("div", { class: "graph-scroll", tabindex: "-1" });
  const folds = h("span", { class: "folds" });
  const fit = button("Fit", () => {
    own = false;
    setZoom(fitting());
  }, { title: "Show all of the graph" });
  const bar = h("div", { class: "toolbar" },
    h("span", { class: "legend" }, Object.keys(marks).map((name) => h("span", { class: "state " + name }, `${marks[name]} ${state(name)}`))),
    folds, h("span", { class: "spring" }),
    button("−", () => step(-1), { "aria-label": "Smaller" }), fit, button("+", () => step(1), { "aria-label": "Larger" }));

  function picture() {
    return open >= 0 ? graph.open[open] : graph.folded;
  }

  function fitting() {
    const { width, height } = picture();
    const room = Math.min((scroller.clientWidth - 4) / width, (window.innerHeight * 0.75) / height);
    return Math.max(0.1, Math.min(1, room || 1));
  }

  function step(by) {
    own = true;
    const nearest = zooms.findLastIndex((z) => z <= zoom + 0.001);
    setZoom(zooms[Math.max(0, Math.min(zooms.length - 1, nearest + by))]);
  }

  function setZoom(z) {
    zoom = z;
    const svg = scroller.querySelector("svg");
    if (svg) {
      svg.setAttribute("width", picture().width * zoom);
      svg.setAttribute("height", picture().height * zoom);
    }
  }

  function fold(group) {
    open = group;
    draw();
    folds.replaceChildren(...(open < 0 ? [] : [button(`Fold ${groups[open].name}[*]`, () => fold(-1))]));
  }

  function choose(node) {
    if (node.group < 0) {
      onStage(stages[node.stage]);
      return;
    }
    const group = groups[node.group];
    if (graph.open[node.group]) {
      fold(node.group);
      say(`${group.name} is open: ${count(group.stages.length, "stage")}`);
    }
    onGroup(node.group);
  }

  function draw() {
    const p = picture();
    const nodes = p.nodes.map((node, i) => box(node, p.boxes[i], choose));
    const lines = (p.lines || []).map((line) => s("path", { class: "line", d: line.path, "data-from": line.from, "data-to": line.to }));
    const svg = s("svg", {
      viewBox: `0 0 ${p.width} ${p.height}`, class: "graph", role: "group", "aria-label": "Graph of stages",
    }, lines, nodes);
    nodes.forEach((node, i) => {
      node.addEventListener("keydown", (event) => walk(event, p, nodes, i));
      node.addEventListener("pointerenter", () => light(lines, i, true));
      node.addEventListener("pointerleave", () => light(lines, i, false));
      node.addEventListener("focus", () => light(lines, i, true));
      node.addEventListener("blur", () => light(lines, i, false));
    });
    scroller.replaceChildren(svg);
    setZoom(own ? zoom : Math.max(0.75, fitting()));
    mark(current);
  }

  // mark shows which stage is looked at.
  function mark(stage) {
    current = stage;
    for (const node of scroller.querySelectorAll(".node")) {
      const is = stage && (node.dataset.stage === String(stage.index) || (stage.group >= 0 && node.dataset.group === String(stage.group)));
      node.classList.toggle("current", Boolean(is));
      if (is) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    }
  }

  draw();
  let width = 0;
  new ResizeObserver(() => {
    if (!own && scroller.clientWidth && scroller.clientWidth !== width) {
      width = scroller.clientWidth;
      setZoom(Math.max(0.75, fitting()));
    }
  }).observe(scroller);
  return { element: h("div", { class: "graph-view" }, bar, scroller, listOf(choose)), mark, fold };
}

// listOf is the graph as a list: for who doesn't see it, and for paper.
function listOf(choose) {
  const rows = graph.folded.nodes.map((node) => {
    const stage = stages[node.group >= 0 ? groups[node.group].stages[0] : node.stage];
    const sources = [...new Set(stage.inputs.flatMap((i) => i.from.map((n) => (stages[n].group >= 0 ? `${groups[stages[n].group].name}[*]` : stages[n].name))))];
    return h("tr", {},
      h("td", {}, h("span", { class: "state " + node.state }, `${marks[node.state]} ${state(node.state)}`)),
      h("th", { scope: "row" }, button(node.name, () => choose(node), { class: "link" })),
      h("td", {}, node.note), h("td", {}, sources.length > 6 ? `${sources.slice(0, 6).join(", ")}, … (${sources.length})` : sources.join(", ")), h("td", { class: "faint" }, stage.description || ""));
  });
  return h("table", { class: "stages" }, h("caption", { class: "hidden" }, "Stages"),
    h("thead", {}, h("tr", {}, ["state", "stage", "results", "made from", ""].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows));
}

function box(node, at, choose) {
  const folded = node.group >= 0;
  const what = `${node.name}, ${state(node.state)}, ${node.note}${folded ? ", a sweep" : ""}`;
  const g = s("g", {
    class: `node ${node.state}`, transform: `translate(${at.x} ${at.y})`, tabindex: "0", role: "button", "aria-label": what,
    "data-stage": folded ? undefined : node.stage, "data-group": folded ? node.group : undefined,
    onclick: () => choose(node),
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(node);
      }
    },
  }, s("title", {}, what));
  if (folded) g.append(s("rect", { class: "under", x: 5, y: 5, width: at.w, height: at.h, rx: 6 }));
  g.append(
    s("rect", { class: "box", width: at.w, height: at.h, rx: 6 }),
    s("rect", { class: "bar", y: 8, width: 4, height: at.h - 16, rx: 2 }),
    s("text", { class: "mark", x: at.w - 10, y: 18, "text-anchor": "end" }, marks[node.state] || ""),
    s("text", { x: 14, y: 18 }, shortened(node.name)),
    s("text", { class: "note", x: 14, y: 35 }, node.note));
  return g;
}

// shortened leaves out the middle of a long name, as package draw does.
function shortened(name) {
  const letters = [...name], most = 34;
  if (letters.length <= most) return name;
  return letters.slice(0, most / 2).join("") + "…" + letters.slice(letters.length - most / 2 + 1).join("");
}

function light(lines, i, on) {
  for (const line of lines) {
    if (line.dataset.from === String(i) || line.dataset.to === String(i)) line.classList.toggle("lit", on);
  }
}

// walk goes with the arrow keys: along the lines, and up and down to the next
// box of the layer.
function walk(event, p, nodes, i) {
  const here = p.boxes[i];
  const lines = p.lines || [];
  const nearest = (list) => list.sort((a, b) => Math.abs(p.boxes[a].y - here.y) - Math.abs(p.boxes[b].y - here.y))[0];
  const layer = p.boxes.map((b, n) => n).filter((n) => p.boxes[n].x === here.x);
  const to = {
    ArrowRight: () => nearest(lines.filter((l) => l.from === i).map((l) => l.to)),
    ArrowLeft: () => nearest(lines.filter((l) => l.to === i).map((l) => l.from)),
    ArrowDown: () => nearest(layer.filter((n) => p.boxes[n].y > here.y)),
    ArrowUp: () => nearest(layer.filter((n) => p.boxes[n].y < here.y)),
  }[event.key];
  if (!to) return;
  event.preventDefault();
  const next = to();
  if (next !== undefined) nodes[next].focus();
}
