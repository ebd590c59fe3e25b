// Parallel coordinates: an axis for each column, a line for each run. Dragging
// along an axis keeps the runs that pass there.

import { h } from "./dom.js";
import { css, scaleOf, ramp } from "./chart.js";
import { number, count } from "./format.js";
import { title } from "./model.js";

const top = 44, bottom = 26, side = 60;

export function parallel(place, columns, rows, by, tell, onRun) {
  const axes = columns.map((c) => axisOf(c, rows));
  const colourBy = by ? axisOf(by, rows) : axes.findLast((a) => a.column.role === "metric") || axes.at(-1);
  if (axes.length < 2) {
    tell("There are fewer than two columns to draw: choose more in the table.");
    return;
  }
  const canvas = h("canvas", { role: "img", "aria-label": `${count(rows.length, "run")} over ${axes.map((a) => a.column.label).join(", ")}` });
  const tip = h("div", { class: "tip", hidden: true });
  place.replaceChildren(canvas, tip);
  const width = Math.max(place.clientWidth, axes.length * 90), height = 440;
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const xs = axes.map((_, i) => side + ((width - 2 * side) * i) / (axes.length - 1));
  const yAt = (t) => height - bottom - t * (height - top - bottom);
  const lines = rows.map((run) => ({ run, t: axes.map((a) => a.at(run)), colour: colourBy.at(run) }));
  const brushes = new Map(); // axis to [low, high]
  const kept = (line) => [...brushes].every(([i, [low, high]]) => line.t[i] !== undefined && line.t[i] >= low && line.t[i] <= high);

  function path(line) {
    context.beginPath();
    let pen = false;
    line.t.forEach((t, i) => {
      if (t === undefined) pen = false;
      else if (pen) context.lineTo(xs[i], yAt(t));
      else {
        context.moveTo(xs[i], yAt(t));
        pen = true;
      }
    });
    context.stroke();
  }

  function paint(lit) {
    context.clearRect(0, 0, width, height);
    const inside = lines.filter(kept);
    context.lineWidth = 1;
    context.strokeStyle = css("--grid");
    context.globalAlpha = 0.5;
    if (brushes.size) for (const line of lines) path(line);
    context.globalAlpha = Math.max(0.08, Math.min(0.75, 60 / Math.sqrt(inside.length + 1) / 6));
    context.lineWidth = inside.length > 500 ? 1 : 1.6;
    for (const line of inside) {
      context.strokeStyle = line.colour === undefined ? css("--grid") : ramp(line.colour);
      path(line);
    }
    context.globalAlpha = 1;
    if (lit) {
      context.strokeStyle = css("--text");
      context.lineWidth = 2.5;
      path(lit);
    }
    axes.forEach((a, i) => paintAxis(a, i));
    tell(`${brushes.size ? `${inside.length.toLocaleString("en")} of ` : ""}${count(rows.length, "run")}, coloured by ${colourBy.column.label}. Drag along an axis to keep what passes there; a click on the axis lets all pass.`);
  }

  function paintAxis(a, i) {
    context.strokeStyle = css("--text");
    context.fillStyle = css("--text");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(xs[i], yAt(0));
    context.lineTo(xs[i], yAt(1));
    context.stroke();
    context.textAlign = "center";
    context.font = "600 12px system-ui, sans-serif";
    context.fillText(clipped(a.column.label, 14), xs[i], 16);
    context.font = "11px system-ui, sans-serif";
    for (const [t, label] of a.ticks) {
      context.textAlign = i === axes.length - 1 ? "right" : "left";
      const text = clipped(label, 12), x = xs[i] + (i === axes.length - 1 ? -6 : 6), y = t === 1 ? yAt(t) - 5 : t === 0 ? yAt(t) + 14 : yAt(t) + 4;
      context.lineWidth = 3;
      context.strokeStyle = css("--back");
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    }
    const brush = brushes.get(i);
    if (brush) {
      context.fillStyle = css("--accent");
      context.globalAlpha = 0.35;
      context.fillRect(xs[i] - 6, yAt(brush[1]), 12, yAt(brush[0]) - yAt(brush[1]));
      context.globalAlpha = 1;
    }
  }

  let from;
  const tOf = (event) => Math.max(0, Math.min(1, (height - bottom - event.offsetY) / (height - top - bottom)));
  const axisAt = (event) => xs.findIndex((x) => Math.abs(x - event.offsetX) < 14);
  canvas.addEventListener("pointerdown", (event) => {
    const i = axisAt(event);
    if (i < 0) return;
    from = { i, t: tOf(event) };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from) {
      const t = tOf(event);
      brushes.set(from.i, [Math.min(t, from.t), Math.max(t, from.t)]);
      paint();
      return;
    }
    canvas.style.cursor = axisAt(event) >= 0 ? "row-resize" : "default";
    const found = near(event);
    tip.hidden = !found;
    paint(found);
    if (!found) return;
    tip.replaceChildren(h("div", {}, title(found.run)), ...axes.map((a) => h("div", {}, `${a.column.label}: ${a.column.format(a.column.get(found.run))}`)));
    tip.style.left = `${Math.min(event.offsetX + 14, width - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.offsetY + 14}px`;
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from && Math.abs(tOf(event) - from.t) < 0.01) brushes.delete(from.i);
    from = undefined;
    paint();
  });
  canvas.addEventListener("click", (event) => {
    const found = axisAt(event) < 0 && near(event);
    if (found) onRun(found.run);
  });
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
    if (!from) paint();
  });

  // near finds the line that passes next to the pointer.
  function near(event) {
    const i = xs.findLastIndex((x) => x <= event.offsetX);
    if (i < 0 || i >= xs.length - 1) return undefined;
    const part = (event.offsetX - xs[i]) / (xs[i + 1] - xs[i]);
    let best, least = 6;
    for (const line of lines) {
      if (line.t[i] === undefined || line.t[i + 1] === undefined || !kept(line)) continue;
      const d = Math.abs(yAt(line.t[i] + (line.t[i + 1] - line.t[i]) * part) - event.offsetY);
      if (d < least) {
        least = d;
        best = line;
      }
    }
    return best;
  }

  paint();
}

// axisOf places values from 0 to 1.
function axisOf(column, rows) {
  const scale = scaleOf(column, rows);
  if (!scale.numeric) {
    const last = Math.max(1, scale.labels.length - 1);
    const step = Math.ceil(scale.labels.length / 12);
    return {
      column, ticks: scale.labels.map((label, i) => [scale.labels.length === 1 ? 0.5 : i / last, label]).filter((_, i) => i % step === 0),
      at: (run) => {
        const v = scale.at(run);
        return v === undefined ? undefined : scale.labels.length === 1 ? 0.5 : v / last;
      },
    };
  }
  const values = rows.map(scale.at).filter((v) => v !== undefined && v !== null);
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  const low = distinct[0], high = distinct.at(-1);
  const even = column.role === "config" && distinct.length <= 12; // points of a sweep: each as far from the next
  const t = (v) => (low === high ? 0.5 : even ? distinct.indexOf(v) / (distinct.length - 1) : (v - low) / (high - low));
  const ticks = even ? distinct.map((v) => [t(v), column.format(v)]) : [[0, brief(column, low)], [1, brief(column, high)]];
  return { column, ticks, at: (run) => (scale.at(run) === undefined || scale.at(run) === null ? undefined : t(scale.at(run))) };
}

// brief is a value with as many digits as an axis has room for.
function brief(column, v) {
  return column.format(column.format === number ? Number(v.toPrecision(5)) : v);
}

function clipped(text, most) {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}
