// The table of runs. Only the rows that can be seen are in the document.

import { query, onQuery, change, toggle } from "./query.js";
import { columnsOf } from "./columns.js";
import { h, button, say } from "./dom.js";
import { title, picked } from "./model.js";
import { count } from "./format.js";

const rowHeight = 30;
const spare = 12; // rows above and below those that can be seen
const maxPrinted = 1000;

export function tableView({ onRun }) {
  let focused = 0, columns = [], from = 0, to = 0, all = false;
  const head = h("thead", {});
  const body = h("tbody", {});
  const table = h("table", { class: "runs", role: "grid", "aria-label": "Runs" }, head, body);
  const scroller = h("div", { class: "table-scroll" }, table);
  const empty = h("p", { class: "empty", hidden: true }, "No run is like that.");

  function columnsShown() {
    return columnsOf(query.view).filter((c) => c.shown);
  }

  function drawHead() {
    columns = columnsShown();
    const cells = columns.map((c) => {
      const sorted = query.sort.key === c.key;
      const sort = button("", () => sortBy(c), { class: "sort", title: c.key });
      sort.append(...[c.label, c.key === "chosen" && h("span", { class: "hidden" }, "chosen"), h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (query.sort.descending ? " ↓" : " ↑") : "")].filter(Boolean));
      return h("th", {
        scope: "col", class: `${c.kind} ${c.role}`, "aria-sort": sorted ? (query.sort.descending ? "descending" : "ascending") : undefined,
      }, sort);
    });
    const mark = h("th", { scope: "col", class: "select" }, h("span", { class: "hidden" }, "selected"));
    head.replaceChildren(h("tr", { "aria-rowindex": 1 }, mark, cells));
    table.setAttribute("aria-colcount", columns.length + 1);
    sizeColumns(head.firstChild);
  }

  // sizeColumns sets widths by what is in the first rows and some others, so
  // that they stay while one scrolls.
  function sizeColumns(row) {
    const rows = query.rows, step = Math.max(1, Math.floor(rows.length / 200));
    const sample = rows.filter((_, i) => i % step === 0).slice(0, 200);
    let sum = 40;
    row.children[0].style.width = "40px";
    columns.forEach((c, i) => {
      let longest = sample.reduce((n, r) => Math.max(n, c.format(c.get(r)).length), c.label.length + 2);
      if (c.key === "chosen") longest = Math.min(longest, 4);
      const width = Math.min(300, Math.max(56, longest * 8 + 24));
      row.children[i + 1].style.width = `${width}px`;
      sum += width;
    });
    table.style.width = `max(100%, ${sum}px)`;
  }

  function sortBy(column) {
    const same = query.sort.key === column.key;
    const descending = same ? !query.sort.descending : false;
    change({ sort: { key: column.key, descending } });
    say(`Sorted by ${column.label}, ${descending ? "descending" : "ascending"}`);
    head.querySelectorAll("button.sort")[columns.indexOf(column)]?.focus();
  }

  function drawBody() {
    const n = query.rows.length;
    const height = scroller.clientHeight || 600;
    from = all ? 0 : Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - spare);
    to = all ? Math.min(n, maxPrinted) : Math.min(n, Math.ceil((scroller.scrollTop + height) / rowHeight) + spare);
    const rows = [];
    for (let i = from; i < to; i++) rows.push(row(i));
    body.replaceChildren(spacer(from), ...rows, spacer(all ? 0 : n - to));
    table.setAttribute("aria-rowcount", n + 1);
    empty.hidden = n > 0;
  }

  function spacer(rows) {
    const tr = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: columns.length + 1 }));
    tr.style.height = `${rows * rowHeight}px`;
    return tr;
  }

  function row(i) {
    const run = query.rows[i];
    const selected = query.selected.has(run.index);
    const check = h("input", {
      type: "checkbox", checked: selected, tabindex: "-1", "aria-label": `Select ${title(run)}`,
      onclick: (event) => {
        event.stopPropagation();
        toggle(run);
      },
    });
    const cells = columns.map((c) => cell(c, run));
    return h("tr", {
      class: `${selected ? "selected" : ""} ${picked(run, query.view).length ? "picked" : ""}`, "aria-rowindex": i + 2, "aria-selected": selected,
      tabindex: i === focused ? "0" : "-1", "data-row": i,
      onclick: () => {
        focused = i;
        onRun(run);
      },
    }, h("td", { class: "select" }, check), cells);
  }

  function cell(column, run) {
    const value = column.get(run);
    const text = column.format(value);
    if (column.key === "chosen" && text) return h("td", { class: "text chosen", title: `chosen: ${text}`, "aria-label": `chosen: ${text}` }, "★ ", ranks(run));
    return h("td", { class: `${column.kind} ${column.role}`, title: text.length > 30 ? text : undefined }, text);
  }

  // ranks tells how the choices rank a run, if they rank.
  function ranks(run) {
    const all = picked(run, query.view).filter((c) => c.of > 1).map((c) => c.rank);
    return [...new Set(all)].sort((a, b) => a - b).slice(0, 2).join(", ");
  }

  function focusRow(i) {
    focused = Math.max(0, Math.min(query.rows.length - 1, i));
    const top = focused * rowHeight, height = scroller.clientHeight - head.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight > scroller.scrollTop + height) scroller.scrollTop = top + rowHeight - height;
    drawBody();
    body.querySelector(`[data-row="${focused}"]`)?.focus({ preventScroll: true });
  }

  body.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) focusRow(focused + steps[event.key]);
    else if (event.key === " ") {
      toggle(query.rows[focused]);
      focusRow(focused);
    } else if (event.key === "Enter") onRun(query.rows[focused]);
    else return;
    event.preventDefault();
  });
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const had = body.contains(document.activeElement);
      drawBody();
      if (had) body.querySelector(`[data-row="${focused}"]`)?.focus({ preventScroll: true });
    });
  });
  window.addEventListener("beforeprint", () => {
    all = true;
    drawBody();
  });
  window.addEventListener("afterprint", () => {
    all = false;
    drawBody();
  });
  onQuery((what) => {
    if (!("view" in what || "filter" in what || "sort" in what || "columns" in what || "selected" in what)) return;
    if (!("selected" in what)) {
      drawHead();
      focused = 0;
      scroller.scrollTop = 0;
    }
    drawBody();
  });
  drawHead();
  drawBody();
  return { element: h("div", { class: "table-view" }, scroller, empty), refresh: drawBody };
}

// queryBar is what the table and the plots have above them: the view, the
// filter, and how many runs that gives.
export function queryBar(views, extra) {
  const select = h("select", { onchange: () => change({ view: views.find((v) => v.id === select.value) }) },
    views.map((v) => h("option", { value: v.id }, `${v.label} (${v.runs.length})`)));
  const filter = h("input", {
    type: "search", placeholder: "words, or e.g. run > 3 and seconds < 1", spellcheck: "false", autocomplete: "off",
    oninput: () => change({ filter: filter.value }),
  });
  const found = h("output", { class: "count" });
  const problem = h("span", { class: "problem", role: "alert" });
  const show = () => {
    select.value = query.view.id;
    if (document.activeElement !== filter) filter.value = query.filter;
    filter.classList.toggle("wrong", Boolean(query.problem));
    filter.setAttribute("aria-invalid", Boolean(query.problem));
    const n = query.rows.length, of = query.view.runs.length;
    found.textContent = n === of ? count(n, "run") : `${n.toLocaleString("en")} of ${count(of, "run")}`;
    problem.textContent = query.problem;
  };
  onQuery(show);
  show();
  return h("div", { class: "toolbar" },
    h("label", { class: "field" }, h("span", {}, "Runs of"), select),
    h("label", { class: "field wide" }, h("span", {}, "Filter"), filter), found, extra, problem);
}

// columnChooser is a list of all columns, to be ticked.
export function columnChooser() {
  const list = h("div", { class: "choices" });
  const details = h("details", { class: "menu" }, h("summary", {}, "Columns"), list);
  let view;
  const draw = () => {
    if (view === query.view) return;
    view = query.view;
    list.replaceChildren(...columnsOf(view).map((c) => h("label", {}, h("input", {
      type: "checkbox", checked: c.shown, onchange: (event) => {
        c.shown = event.target.checked;
        change({ columns: true });
      },
    }), ` ${c.key}`)));
  };
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      details.open = false;
      details.firstChild.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!details.contains(event.target)) details.open = false;
  });
  onQuery(draw);
  draw();
  return details;
}
