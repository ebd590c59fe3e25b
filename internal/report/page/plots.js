// Plots of the runs that the filter leaves.

import { query, onQuery, selectedRuns } from "./query.js";
import { columnsOf } from "./columns.js";
import { runs, recipes, stages, filesOf, title, picked, table, content } from "./model.js";
import { h, button, options, labelled } from "./dom.js";
import { number, count } from "./format.js";
import { draw, css, scaleOf, wantsLog, ordinal, colour, legend, nearest, shapes, join, maxColours } from "./chart.js";
import { parallel } from "./parallel.js";
import { image } from "./files.js";

const kinds = [["scatter", "Scatter"], ["lines", "Lines"], ["parallel", "Parallel"], ["histogram", "Histogram"], ["curves", "Curves"], ["images", "Images"]];
const maxCurves = 16, maxImages = 24;

export function plotsView({ onRun }) {
  const chosen = { kind: "scatter", x: "", y: "", group: "", ramp: "", file: "", cx: "", cy: "" };
  const log = {};
  const tabs = h("div", { class: "segments", role: "group", "aria-label": "Kind of plot" });
  const controls = h("div", { class: "toolbar" });
  const place = h("div", { class: "chart" });
  const note = h("p", { class: "faint note" });
  const below = h("div", {});
  let visible = false, stale = true, turn = 0;

  function pick(name, text, list, none) {
    const entries = none ? [["", none], ...list] : list;
    if (!entries.some(([value]) => value === chosen[name])) chosen[name] = entries[0]?.[0] ?? "";
    const select = h("select", { "data-name": name, onchange: () => set(name, select.value) }, options(entries, chosen[name]));
    select.value = chosen[name];
    return labelled(text, select);
  }

  function set(name, value) {
    chosen[name] = value;
    delete log[name];
    render();
    controls.querySelector(`[data-name="${name}"]`)?.focus();
  }

  function logBox(name, text, values) {
    if (!values.length || !values.every((v) => v > 0)) return [false, undefined];
    if (log[name] === undefined) log[name] = wantsLog(values);
    const box = h("input", { type: "checkbox", "data-name": "log" + name, checked: log[name], onchange: () => {
      log[name] = box.checked;
      render();
      controls.querySelector(`[data-name="log${name}"]`)?.focus();
    } });
    return [log[name], h("label", { class: "tick" }, box, ` ${text}`)];
  }

  // defaults: the first axis that varies against the first metric.
  function defaults() {
    const columns = columnsOf(query.view).filter((c) => c.key !== "chosen" && c.key !== "rref");
    const shown = columns.filter((c) => c.shown);
    const axes = shown.filter((c) => c.role === "config");
    const metrics = columns.filter((c) => c.role === "metric" && c.kind === "number");
    const by = metrics.find((c) => ranked(c.key)) || shown.find((c) => metrics.includes(c)) || metrics[0] || columns.find((c) => c.key === "seconds");
    chosen.x = (axes[0] || columns.find((c) => c.key === "run" && c.shown) || columns.find((c) => c.key === "made")).key;
    chosen.y = chosen.ramp = by.key;
    chosen.group = axes[1]?.key || "";
    if (column("name")) Object.assign(chosen, { x: "name", y: "seconds", group: "" }); // of all stages, that can be compared
    chosen.file = chosen.cx = chosen.cy = "";
    delete log.x;
    delete log.y;
  }

  // ranked tells whether a matcher chooses by a metric.
  function ranked(key) {
    return [...recipes, ...stages.flatMap((s) => s.inputs)].some((m) => m.match?.includes(` by ${key}`));
  }

  function render() {
    stale = true;
    if (!visible) return;
    stale = false;
    turn++;
    tabs.replaceChildren(...kinds.map(([kind, text]) => button(text, () => {
      chosen.kind = kind;
      render();
      tabs.querySelector("[aria-pressed=true]").focus();
    }, { "aria-pressed": String(chosen.kind === kind) })));
    place.replaceChildren();
    for (const name of ["role", "aria-label"]) place.removeAttribute(name);
    place.className = "chart " + chosen.kind;
    note.textContent = "";
    below.replaceChildren();
    ({ scatter, lines, histogram, parallel: bands, curves, images })[chosen.kind]();
  }

  const list = (filter) => columnsOf(query.view).filter((c) => c.key !== "chosen" && c.key !== "rref" && filter(c)).map((c) => [c.key, c.role === "config" ? c.label : c.key]);
  const column = (key) => columnsOf(query.view).find((c) => c.key === key);

  // groupsOf puts runs together that have the same value of the column.
  function groupsOf(rows) {
    const by = column(chosen.group);
    if (!by) return { names: [], of: () => 0, more: 0 };
    const o = ordinal(rows.map((r) => by.get(r) ?? "–"));
    const names = o.labels.map((v) => `${by.label} = ${v}`);
    const more = Math.max(0, names.length - maxColours);
    if (more) names.splice(maxColours - 1, Infinity, `${more + 1} others`);
    return { names, of: (r) => Math.min(o.place(by.get(r) ?? "–"), names.length - 1), more };
  }

  // points places the runs that have both values.
  function points(x, y, group, logX, logY) {
    return query.rows.map((run) => ({ run, x: x.at(run), y: y.at(run), group: group.of(run) }))
      .filter((p) => p.x !== undefined && p.y !== undefined && p.x !== null && p.y !== null && !(logX && p.x <= 0) && !(logY && p.y <= 0))
      .sort((a, b) => a.x - b.x);
  }

  // spread moves points on few places apart, if some lie on each other, so that
  // they can be seen.
  function spread(all, x, logX) {
    const values = x.labels ? x.labels.map((_, i) => i) : x.splits || [], places = new Set(all.map((p) => `${p.x} ${p.y}`));
    if (values.length < 2 || places.size === all.length) return false;
    const to = logX ? Math.log : (v) => v, back = logX ? Math.exp : (v) => v;
    const gap = values.slice(1).reduce((least, v, i) => Math.min(least, to(v) - to(values[i])), Infinity);
    all.forEach((p, i) => (p.x = back(to(p.x) + gap * (all.length < 100 ? 0.12 : 0.3) * (((i * 0.618034) % 1) - 0.5))));
    all.sort((a, b) => a.x - b.x);
    return true;
  }

  function xyControls() {
    const rows = query.rows;
    const fields = [
      pick("x", "x", list(() => true)), pick("y", "y", list((c) => c.kind === "number" || (["name", "stage"].includes(c.key) && chosen.kind === "scatter"))), pick("group", "colour", list((c) => c.key !== "made"), "none")];
    const xc = column(chosen.x), yc = column(chosen.y);
    const [logX, boxX] = xc.kind === "number" ? logBox("x", "log x", rows.map((r) => xc.get(r)).filter((v) => v !== undefined)) : [false];
    const [logY, boxY] = yc.kind === "number" ? logBox("y", "log y", rows.map((r) => yc.get(r)).filter((v) => v !== undefined)) : [false];
    controls.replaceChildren(...[...fields, boxX, boxY].filter(Boolean));
    return { xc, yc, logX, logY, x: scaleOf(xc, rows), y: scaleOf(yc, rows), group: groupsOf(rows) };
  }

  function tell(p, xc, yc) {
    return [title(p.run), `${xc.label}: ${xc.format(xc.get(p.run))}`, `${yc.label}: ${yc.format(yc.get(p.run))}`];
  }

  function scatter() {
    const { xc, yc, logX, logY, x, y, group } = xyControls();
    const all = points(x, y, group, logX, logY);
    const apart = spread(all, x, logX);
    const n = Math.max(1, group.names.length);
    const size = all.length > 1000 ? 4 : 8;
    const series = [], data = [all.map((p) => p.x)];
    for (let g = 0; g < n; g++) {
      data.push(all.map((p) => (p.group === g ? p.y : null)));
      series.push({ paths: () => null, stroke: colour(g), points: { show: true, size, width: 1, stroke: colour(g), fill: colour(g) + (all.length > 1000 ? "66" : "b3") } });
    }
    let stars = all.filter((p) => picked(p.run, query.view).length);
    if (stars.length === all.length) stars = []; // to ring all tells nothing
    const ringed = new Set(stars);
    data.push(all.map((p) => (ringed.has(p) ? p.y : null)));
    series.push({ paths: () => null, points: { show: true, size: size + 7, width: 2, stroke: css("--text"), fill: "transparent" } });
    draw(place, {
      x, y, logX, logY, xLabel: unit(xc), yLabel: unit(yc), data, series, describe: `${yc.label} against ${xc.label} of ${count(all.length, "run")}`,
      hover: (chart, at) => {
        const p = nearest(chart, all, at);
        return p && { x: chart.valToPos(p.x, "x"), y: chart.valToPos(p.y, "y"), lines: tell(p, xc, yc) };
      },
      click: (chart, at) => {
        const p = nearest(chart, all, at);
        if (p) onRun(p.run);
      },
    });
    below.replaceChildren(legend(group.names, "Colours"));
    missing(all.length, (stars.length ? `${count(stars.length, "chosen run")} ringed. ` : "") + (apart ? `Points are spread a little along ${xc.label}. ` : ""));
  }

  function missing(n, first = "") {
    const without = query.rows.length - n;
    note.textContent = first + (without ? `${count(without, "run")} without these values left out. ` : "") + "The table has the same values.";
  }

  function lines() {
    const { xc, yc, logX, logY, x, y, group } = xyControls();
    const all = points(x, y, group, logX, logY);
    const n = Math.max(1, group.names.length);
    const xs = [...new Set(all.map((p) => p.x))];
    const sums = Array.from({ length: n }, () => new Map());
    for (const p of all) {
      const cell = sums[p.group].get(p.x) || { sum: 0, n: 0 };
      sums[p.group].set(p.x, { sum: cell.sum + p.y, n: cell.n + 1 });
    }
    const data = [xs, ...sums.map((m) => xs.map((v) => (m.has(v) ? m.get(v).sum / m.get(v).n : null)))];
    const series = sums.map((_, g) => ({ stroke: colour(g), width: 2, spanGaps: true, points: { show: true, size: 7, fill: colour(g), stroke: colour(g) } }));
    const means = sums.flatMap((m, g) => [...m].map(([v, cell]) => ({ x: v, y: cell.sum / cell.n, n: cell.n, group: g })));
    draw(place, {
      x, y, logX, logY, xLabel: unit(xc), yLabel: unit(yc), data, series, describe: `${yc.label} against ${xc.label}, the mean of each group`,
      hover: (chart, at) => {
        const p = nearest(chart, means, at);
        return p && {
          x: chart.valToPos(p.x, "x"), y: chart.valToPos(p.y, "y"),
          lines: [group.names[p.group] || "", `${xc.label}: ${x.label(p.x)}`, `${yc.label}: ${number(p.y)}${p.n > 1 ? ` (mean of ${p.n})` : ""}`].filter(Boolean),
        };
      },
    });
    below.replaceChildren(legend(group.names, "Lines"));
    missing(all.length, all.length > means.length ? "Each point is the mean of the runs that have its values. " : "");
  }

  function histogram() {
    controls.replaceChildren(pick("y", "of", list((c) => c.key !== "made")));
    const c = column(chosen.y), scale = scaleOf(c, query.rows);
    const values = query.rows.map(scale.at).filter((v) => v !== undefined && v !== null);
    const { centers, counts, width } = scale.numeric ? bins(values) : { centers: scale.labels.map((_, i) => i), counts: countEach(values, scale.labels.length), width: 1 };
    const y = { label: number, numeric: true, whole: true };
    const low = Math.min(...centers) - width / 2, high = Math.max(...centers) + width / 2;
    const chart = draw(place, {
      x: scale, y, zero: true, xLabel: unit(c), yLabel: "runs", data: [centers, counts],
      series: [{ stroke: colour(0), fill: colour(0) + "66", width: 1, points: { show: false }, paths: shapes.bars({ size: [scale.numeric ? 1 : 0.7, scale.numeric ? 10_000 : 160], gap: scale.numeric ? 1 : 0 }) }],
      describe: `How ${c.label} is distributed over ${count(values.length, "run")}`,
      hover: (u, at) => {
        const v = u.posToVal(at.x, "x"), i = centers.findIndex((m) => Math.abs(m - v) <= width / 2);
        if (i < 0) return undefined;
        const lines = scale.numeric ? [`${number(centers[i] - width / 2)} to ${number(centers[i] + width / 2)}`] : [scale.label(i)];
        return { x: u.valToPos(centers[i], "x"), y: at.y, lines: [...lines, count(counts[i], "run")] };
      },
    });
    if (scale.numeric && values.length) chart.setScale("x", { min: low, max: high });
    missing(values.length);
  }

  function bands() {
    controls.replaceChildren(pick("ramp", "colour", list((c) => c.key !== "made"), "last axis"));
    const shown = columnsOf(query.view).filter((c) => c.shown && (c.role === "config" || (c.role === "metric" && c.kind === "number") || c.key === "seconds"));
    parallel(place, shown.slice(0, 12), query.rows, column(chosen.ramp), (text) => (note.textContent = text), onRun);
  }

  // few returns the runs that are shown one by one: the selected, else the
  // chosen, else the first.
  function few(most, has) {
    const own = new Set(query.view.runs);
    const tries = [
      ["selected", selectedRuns().filter((r) => own.has(r.index))], ["chosen", query.rows.filter((r) => picked(r, query.view).length)], ["first", query.rows]];
    for (const [what, list] of tries) {
      const found = list.filter(has);
      if (found.length) {
        const all = what === "first" ? found.length : list.length;
        return { found: found.slice(0, most), text: `The ${found.length > most ? `first ${most} of ${all} ` : ""}${what === "first" ? "runs of the table" : `${what} runs`}.${what === "selected" ? "" : " Select runs in the table to see others."}` };
      }
    }
    return { found: [], text: "" };
  }

  function filePicker(test, nothing) {
    const paths = new Set();
    for (const r of query.view.runs) for (const f of filesOf(runs[r])) if (f.content && test(f.path)) paths.add(f.path);
    if (!paths.size) {
      controls.replaceChildren();
      note.textContent = nothing;
      return undefined;
    }
    return pick("file", "file", [...paths].sort().map((p) => [p, p]));
  }

  const fileOf = (run) => filesOf(run).find((f) => f.path === chosen.file && f.content);

  async function curves() {
    const mine = turn;
    const picker = filePicker((p) => /\.[ct]sv$/i.test(p), "No result here has a table (.csv, .tsv) in the page.");
    if (!picker) return;
    const { found, text } = few(maxCurves, fileOf);
    const tables = await Promise.all(found.map((r) => table(fileOf(r).content)));
    if (mine !== turn || !tables.length) return;
    const names = [...tables[0].keys()].filter((n) => tables[0].get(n).every((v) => v === null || typeof v === "number"));
    if (!names.length) {
      controls.replaceChildren(picker);
      note.textContent = "No column of this table is of numbers.";
      return;
    }
    const cx = pick("cx", "x", names.map((n) => [n, n]));
    if (!chosen.cy) chosen.cy = names.slice(1).findLast((n) => new Set(tables[0].get(n)).size > 1) ?? names.at(-1);
    const cy = pick("cy", "y", names.map((n) => [n, n]));
    const ys = tables.flatMap((t) => t.get(chosen.cy) || []).filter((v) => v !== null);
    const [logY, boxY] = logBox("cy", "log y", ys);
    controls.replaceChildren(...[picker, cx, cy, boxY].filter(Boolean));
    const pairs = tables.map((t) => sorted(t.get(chosen.cx) || [], t.get(chosen.cy) || [], logY));
    const scale = { label: number, numeric: true };
    const data = pairs.length > 1 ? join(pairs) : pairs[0];
    const series = pairs.map((_, i) => ({ stroke: colour(i), width: 1.6, dash: i >= maxColours ? [6, 4] : undefined, spanGaps: true, points: { show: false } }));
    draw(place, {
      x: scale, y: scale, logY, xLabel: chosen.cx, yLabel: chosen.cy, data, series, crosshair: true,
      describe: `${chosen.cy} against ${chosen.cx} in ${chosen.file} of ${count(found.length, "run")}`,
      hover: (chart, at) => {
        const i = chart.posToIdx(at.x);
        const lines = found.map((r, k) => [title(r), valueNear(data[k + 1], i)]).filter(([, v]) => v !== undefined).sort((a, b) => b[1] - a[1]);
        return { x: at.x, y: at.y, lines: [`${chosen.cx}: ${number(data[0][i])}`, ...lines.slice(0, 12).map(([name, v]) => `${name}: ${number(v)}`)] };
      },
    });
    below.replaceChildren(legend(found.map(title), "Curves"));
    note.textContent = text;
  }

  async function images() {
    const mine = turn;
    const picker = filePicker((p) => /\.(png|jpe?g|gif|webp|svg)$/i.test(p), "No result here has a picture (PNG, JPEG, SVG, …) in the page.");
    if (!picker) return;
    controls.replaceChildren(picker);
    const { found, text } = few(maxImages, fileOf);
    const all = await Promise.all(found.map((r) => content(fileOf(r).content)));
    if (mine !== turn) return;
    place.replaceChildren(...all.map((c, i) => h("figure", {}, image(c, `${chosen.file} of ${title(found[i])}`),
      h("figcaption", {}, button(title(found[i]), () => onRun(found[i]), { class: "link" })))));
    note.textContent = text;
  }

  onQuery((what) => {
    if ("view" in what) defaults();
    if ("view" in what || "filter" in what || "columns" in what || "selected" in what || "theme" in what) render();
  });
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth && Math.abs(place.clientWidth - width) > 8) {
      width = place.clientWidth;
      if (visible) render();
    }
  }).observe(place);
  defaults();
  return {
    element: h("div", { class: "plots-view" }, h("div", { class: "toolbar" }, tabs), controls, place, below, note),
    show: () => {
      visible = true;
      if (stale) render();
    },
    hide: () => (visible = false),
    kind: (kind) => {
      chosen.kind = kind;
      render();
    },
  };
}

// unit is a column's label with what its numbers count.
function unit(column) {
  return column.label + ({ seconds: " (s)", cpu: " (s)", max_rss: " (bytes)", bytes: " (bytes)" }[column.key] || "");
}

function sorted(xs, ys, log) {
  const order = xs.map((_, i) => i).filter((i) => typeof xs[i] === "number" && !(log && !(ys[i] > 0))).sort((a, b) => xs[a] - xs[b]);
  return [order.map((i) => xs[i]), order.map((i) => ys[i])];
}

// valueNear returns the value at a place, or the nearest before it.
function valueNear(values, i) {
  while (i >= 0 && (values[i] === null || values[i] === undefined)) i--;
  return i >= 0 ? values[i] : undefined;
}

function bins(values) {
  if (!values.length) return { centers: [0], counts: [0], width: 1 };
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const n = low === high ? 1 : Math.max(5, Math.min(60, Math.ceil(Math.sqrt(values.length))));
  const width = (high - low) / n || 1;
  const counts = countEach(values.map((v) => Math.min(n - 1, Math.floor((v - low) / width))), n);
  return { centers: counts.map((_, i) => (low === high ? low : low + (i + 0.5) * width)), counts, width };
}

function countEach(places, n) {
  const counts = new Array(n).fill(0);
  for (const i of places) counts[i]++;
  return counts;
}
