// Charts, by uPlot: what all plots share.

import { h } from "./dom.js";
import { number, time } from "./format.js";

const uPlot = window.uPlot;

export const maxColours = 8;

// css returns a value of the scheme that is shown. To ask the browser makes it
// work out all styles first, so each is asked for once.
export function css(name) {
  const now = document.documentElement.dataset.theme || (prefersDark.matches ? "dark" : "light");
  if (now !== scheme) {
    values.clear();
    scheme = now;
  }
  if (!values.has(name)) values.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return values.get(name);
}

const values = new Map(), prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
let scheme;

// colour returns the n-th colour of the scheme.
export function colour(n) {
  return css("--s" + ((n % maxColours) + 1));
}

// ramp returns a colour between the ends of a scale, for t from 0 to 1.
export function ramp(t) {
  const dark = css("--scheme") === "dark";
  const from = dark ? [90, 120, 255] : [40, 60, 150], to = dark ? [255, 200, 60] : [214, 84, 0];
  return `rgb(${from.map((c, i) => Math.round(c + (to[i] - c) * t)).join(" ")})`;
}

// ordinal maps values that are no numbers to places, and back to labels.
export function ordinal(values) {
  const labels = [...new Set(values.map((v) => String(v)))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const places = new Map(labels.map((label, i) => [label, i]));
  return { labels, place: (v) => places.get(String(v)) };
}

// scaleOf returns how a column's values are placed on an axis.
export function scaleOf(column, runs) {
  if (column.kind === "number") {
    const distinct = column.role === "config" ? [...new Set(runs.map((r) => column.get(r)))].sort((a, b) => a - b) : [];
    const whole = runs.every((r) => Number.isInteger(column.get(r) ?? 0));
    return { at: (r) => column.get(r), label: number, numeric: true, whole, splits: distinct.length <= 10 ? distinct : [] };
  }
  if (column.kind === "time") return { at: (r) => column.get(r) || undefined, label: time, numeric: true, time: true };
  const o = ordinal(runs.map((r) => column.get(r)).filter((v) => v !== undefined));
  return { at: (r) => o.place(column.get(r)), label: (v) => o.labels[v] ?? "", labels: o.labels, numeric: false };
}

// wantsLog tells whether values are spread over magnitudes.
export function wantsLog(values) {
  let low = Infinity, high = 0;
  for (const v of values) {
    if (!(v > 0)) return false;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return high / low >= 30;
}

function axis(scale, label, log) {
  const line = { stroke: css("--grid"), width: 1 };
  const a = { stroke: css("--text"), grid: line, ticks: line, label, labelSize: 26, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
  if (scale.labels) {
    const longest = scale.labels.reduce((n, l) => Math.max(n, Math.min(l.length, maxLabel)), 1);
    a.splits = (u, side) => {
      const room = side === 0 ? (u.width - 80) / (longest * 7 + 12) : (u.height - 80) / 18;
      const step = Math.max(1, Math.ceil(scale.labels.length / room));
      return scale.labels.map((_, i) => i).filter((i) => i % step === 0);
    };
    a.filter = (u, splits) => splits;
    a.values = (u, splits) => splits.map((v) => shortened(scale.label(v)));
  } else if (scale.splits?.length > 1) {
    a.splits = () => scale.splits; // the points of a sweep
    a.filter = (u, splits) => splits;
    a.values = (u, splits) => splits.map(number);
  } else if (scale.time) {
    a.incrs = timeSteps;
    a.space = 80;
    a.values = (u, splits) => splits.map((v) => clock(v, splits.at(-1) - splits[0]));
  } else if (log) {
    a.filter = (u, splits) => splits;
    a.values = (u, splits) => splits.map((v) => (v === null ? null : leading(v) ? number(v) : ""));
  } else {
    if (scale.whole) a.incrs = [1, 2, 5].flatMap((n) => Array.from({ length: 15 }, (_, i) => n * 10 ** i)).sort((x, y) => x - y);
    a.values = (u, splits) => splits.map((v) => number(Number(v.toPrecision(12))));
  }
  return a;
}

const maxLabel = 24; // letters of a name on an axis

function shortened(label) {
  return label.length > maxLabel ? `${label.slice(0, maxLabel - 1)}…` : label;
}

// timeSteps are how far apart times on an axis may be, in milliseconds.
const timeSteps = [[1, [1, 2, 5, 10, 20, 50, 100, 200, 500]], [1e3, [1, 2, 5, 10, 30]], [60e3, [1, 2, 5, 10, 30]], [3600e3, [1, 2, 6, 12]], [86400e3, [1, 2, 5, 10, 30, 100, 365]]]
  .flatMap(([unit, steps]) => steps.map((n) => n * unit));

// clock writes a time on an axis that is so long: what changes along it.
function clock(ms, long) {
  const text = new Date(ms).toISOString();
  if (long > 2 * 86400e3) return text.slice(0, 10);
  if (long > 86400e3 / 2) return text.slice(5, 16).replace("T", " ");
  return long > 600e3 ? text.slice(11, 16) : long > 5e3 ? text.slice(11, 19) : text.slice(11, 22);
}

// leading tells the numbers that a logarithmic axis names.
function leading(v) {
  const digit = v / 10 ** Math.floor(Math.log10(v) + 1e-9);
  return [1, 2, 5].some((d) => Math.abs(digit - d) < 1e-6);
}

function range(scale, log) {
  if (scale.labels) return () => [-0.5, scale.labels.length - 0.5];
  if (log) return (u, low, high) => (low > 0 ? [low / 1.25, high * 1.25] : [0.1, 10]);
  return (u, low, high) => {
    if (low === null || high === null) return [0, 1];
    const room = (high - low) * 0.05 || Math.abs(low) * 0.1 || 1;
    return [low - room, high + room];
  };
}

// draw makes a chart: { x, y: scales, xLabel, yLabel, logX, logY, data, series,
// height, hover }. Hover is told where the pointer is, and returns what to say.
export function draw(place, spec) {
  place.replaceChildren();
  const width = Math.max(280, place.clientWidth || 800);
  const yAxis = axis(spec.y, spec.yLabel, spec.logY);
  yAxis.size = (u, values) => Math.max(44, ...(values || []).map((v) => String(v ?? "").length * 7 + 16));
  const tip = h("div", { class: "tip", hidden: true });
  const chart = new uPlot({
    width, height: spec.height || 420, legend: { show: false }, padding: [12, 16, 0, 0],
    cursor: { drag: { x: true, y: true, uni: 20 }, points: { show: false }, x: Boolean(spec.crosshair), y: false },
    scales: {
      x: { time: false, distr: spec.logX ? 3 : 1, range: spec.crosshair ? (u, low, high) => (low < high ? [low, high] : [low - 1, high + 1]) : range(spec.x, spec.logX) },
      y: { distr: spec.logY ? 3 : 1, range: spec.zero ? (u, low, high) => [0, (high || 1) * 1.05] : range(spec.y, spec.logY) },
    },
    axes: [axis(spec.x, spec.xLabel, spec.logX), yAxis], series: [{}, ...spec.series],
  }, spec.data, place);
  place.append(tip);
  if (spec.hover) follow(chart, tip, spec);
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", spec.describe);
  return chart;
}

function follow(chart, tip, spec) {
  chart.over.addEventListener("pointermove", (event) => {
    const at = { x: event.offsetX, y: event.offsetY };
    const found = spec.hover(chart, at);
    tip.hidden = !found;
    chart.over.style.cursor = found && spec.click ? "pointer" : "crosshair";
    if (!found) return;
    tip.replaceChildren(...found.lines.map((line) => h("div", {}, line)));
    const left = chart.over.offsetLeft + found.x, top = chart.over.offsetTop + found.y;
    const width = tip.offsetWidth;
    tip.style.left = `${left + 14 + width > chart.root.clientWidth ? left - width - 14 : left + 14}px`;
    tip.style.top = `${top + 10}px`;
  });
  chart.over.addEventListener("pointerleave", () => (tip.hidden = true));
  if (spec.click) {
    chart.over.addEventListener("click", (event) => spec.click(chart, { x: event.offsetX, y: event.offsetY }));
  }
}

// nearest finds the point that is nearest to a place, within 24 pixels.
export function nearest(chart, points, at) {
  let best, least = 24 * 24;
  for (const p of points) {
    const dx = chart.valToPos(p.x, "x") - at.x, dy = chart.valToPos(p.y, "y") - at.y;
    const d = dx * dx + dy * dy;
    if (d < least) {
      least = d;
      best = p;
    }
  }
  return best;
}

// legend names the series by their colours.
export function legend(names, label) {
  return h("ul", { class: "series", "aria-label": label }, names.map((name, i) => {
    const mark = h("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = colour(i);
    return h("li", {}, mark, name);
  }));
}

export const shapes = uPlot.paths;
export const join = uPlot.join;
