// The table of runs. Only the rows that can be seen are in the document.

import { query, onQuery, change, toggle } from "./query.js";
import { columnsOf } from "./columns.js";
import { h, button, say } from "./dom.js";
import { runs, title, picked } from "./model.js";
import { count } from "./format.js";

const rowHeight = 30;
const spare = 12; // rows above and below those that can be seen
const maxPrinted = 1000;

export function tableView({ onRun }) {
  let focused = 0, columns = [], from = 0, all = false, visible = false, staleHead = true, stale = true;
  let pool = []; // rows that are there, whatever they show
  const head = h("thead", {});
  const above = spacer(), below = spacer();
  const body = h("tbody", {}, above, below);
  const table = h("table", { class: "runs", role: "grid", "aria-label": "Runs" }, head, body);
  const empty = h("div", { class: "empty", hidden: true }, h("p", {}, "No run is like that."), button("Show all", () => change({ filter: "" })));
  const scroller = h("div", { class: "table-scroll" }, table, empty);

  function drawHead() {
    staleHead = false;
    columns = columnsOf(query.view).filter((c) => c.shown);
    for (const row of pool) row.tr.remove();
    pool = [];
    const cells = columns.map((c) => {
      const sort = button("", () => sortBy(c), { class: "sort", title: c.key });
      sort.append(...[c.label, c.key === "chosen" && h("span", { class: "hidden" }, "chosen"), h("span", { class: "arrow", "aria-hidden": "true" })].filter(Boolean));
      return h("th", { scope: "col", class: `${c.kind} ${c.role}` }, sort);
    });
    const mark = h("th", { scope: "col", class: "select" }, h("span", { class: "hidden" }, "selected"));
    head.replaceChildren(h("tr", { "aria-rowindex": 1 }, mark, cells));
    table.setAttribute("aria-colcount", columns.length + 1);
    for (const row of [above, below]) row.firstChild.colSpan = columns.length + 1;
    sizeColumns(head.firstChild);
    markOrder();
  }

  // markOrder says by which column the rows are sorted.
  function markOrder() {
    columns.forEach((c, i) => {
      const th = head.firstChild.children[i + 1], sorted = query.sort.key === c.key;
      if (sorted) th.setAttribute("aria-sort", query.sort.descending ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
      th.querySelector(".arrow").textContent = sorted ? (query.sort.descending ? " ↓" : " ↑") : "";
    });
  }

  // sizeColumns sets widths by what is in the first runs of the view and some
  // others, so that they stay while one scrolls, sorts and filters.
  function sizeColumns(row) {
    const list = query.view.runs, step = Math.max(1, Math.floor(list.length / 200));
    const sample = list.filter((_, i) => i % step === 0).slice(0, 200).map((i) => runs[i]);
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
  }

  // drawBody shows the rows that can be seen, and some more. Rows that are there
  // are used again: to make and to place new ones is what would take time.
  function drawBody() {
    stale = false;
    const n = query.rows.length;
    const height = scroller.clientHeight || 600, top = scroller.scrollTop;
    from = all ? 0 : Math.max(0, Math.floor(top / rowHeight) - spare);
    const to = all ? Math.min(n, maxPrinted) : Math.min(n, Math.ceil((top + height) / rowHeight) + (top ? spare : 2));
    while (pool.length < to - from) pool.push(newRow());
    pool.forEach((row, k) => {
      const there = row.tr.parentNode !== null, wanted = from + k < to;
      if (wanted) fillRow(row, from + k);
      if (wanted && !there) below.before(row.tr);
      else if (there && !wanted) row.tr.remove();
    });
    if (pool.length > 200 && !all) pool.length = Math.min(pool.length, to - from); // after printing
    setHeight(above, from);
    setHeight(below, all ? 0 : n - to);
    table.setAttribute("aria-rowcount", n + 1);
    empty.hidden = n > 0;
  }

  function spacer() {
    return h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", {}));
  }

  function setHeight(tr, rows) {
    const height = `${rows * rowHeight}px`;
    if (tr.style.height !== height) tr.style.height = height;
  }

  function newRow() {
    const check = h("input", { type: "checkbox", tabindex: "-1" });
    const cells = columns.map((c) => h("td", { class: `${c.kind} ${c.role}${c.key === "chosen" ? " chosen" : ""}` }));
    return { check, cells, tr: h("tr", {}, h("td", { class: "select" }, check), cells) };
  }

  function fillRow(row, i) {
    const run = query.rows[i], selected = query.selected.has(run.index);
    row.tr.dataset.row = i;
    row.tr.setAttribute("aria-rowindex", i + 2);
    row.tr.tabIndex = i === focused ? 0 : -1;
    row.tr.setAttribute("aria-selected", selected);
    row.tr.className = `${selected ? "selected" : ""} ${picked(run, query.view).length ? "picked" : ""}`;
    row.check.checked = selected;
    if (row.run === run) return;
    row.run = run;
    row.check.setAttribute("aria-label", `Select ${title(run)}`);
    columns.forEach((c, k) => fillCell(row.cells[k], c, run));
  }

  function fillCell(td, column, run) {
    const text = column.format(column.get(run));
    const chosen = column.key === "chosen" && text !== "";
    const shown = chosen ? `★ ${ranks(run)}` : text;
    if (td.textContent !== shown) td.textContent = shown;
    if (chosen) td.setAttribute("aria-label", `chosen: ${text}`);
    else td.removeAttribute("aria-label");
    td.title = chosen ? `chosen: ${text}` : text.length > 30 ? text : "";
  }

  // ranks tells how the choices rank a run, if they rank.
  function ranks(run) {
    const all = picked(run, query.view).filter((c) => c.of > 1).map((c) => c.rank);
    return [...new Set(all)].sort((a, b) => a - b).slice(0, 2).join(", ");
  }

  const rowAt = (i) => body.querySelector(`[data-row="${i}"]`);

  function focusRow(i) {
    focused = Math.max(0, Math.min(query.rows.length - 1, i));
    const top = focused * rowHeight, height = scroller.clientHeight - head.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight > scroller.scrollTop + height) scroller.scrollTop = top + rowHeight - height;
    drawBody();
    rowAt(focused)?.focus({ preventScroll: true });
  }

  body.addEventListener("click", (event) => {
    const tr = event.target.closest("tr[data-row]"), run = tr && query.rows[tr.dataset.row];
    if (!run) return;
    if (event.target.closest("input")) toggle(run);
    else {
      focused = Number(tr.dataset.row);
      onRun(run);
    }
  });
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
      if (had) rowAt(focused)?.focus({ preventScroll: true });
    });
  });
  for (const when of ["beforeprint", "afterprint"]) {
    window.addEventListener(when, () => {
      all = when === "beforeprint";
      if (visible) drawBody();
    });
  }
  onQuery((what) => {
    if (!("view" in what || "filter" in what || "sort" in what || "columns" in what || "selected" in what)) return;
    staleHead ||= "view" in what || "columns" in what;
    stale = true;
    if (!("selected" in what)) focused = scroller.scrollTop = 0;
    if (visible) draw();
  });

  function draw() {
    if (staleHead) drawHead();
    else markOrder();
    if (stale) drawBody();
  }

  return {
    element: h("div", { class: "table-view" }, scroller),
    show: () => {
      visible = stale = true;
      draw();
    },
    hide: () => (visible = false),
  };
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
