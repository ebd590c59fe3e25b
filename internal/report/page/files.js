// Files of results and of sources: lists of them, and what is in them.

import { content, rowsOf } from "./model.js";
import { h, copyable } from "./dom.js";
import { bytes } from "./format.js";

const maxRows = 200; // of a table that is shown

// shown is a place for a content, which comes when it is read.
export function shown(id, name) {
  const place = h("div", { class: "content", "aria-busy": "true" }, h("p", { class: "faint" }, "…"));
  content(id).then((c) => place.replaceChildren(...inside(c, name || ""), ...save(c, name)), (error) => place.replaceChildren(h("p", { class: "why" }, error.message)))
    .finally(() => place.removeAttribute("aria-busy"));
  return place;
}

// inside shows a content. A picture is an img, in which no script of an SVG
// runs and from which nothing is loaded.
function inside(c, name) {
  const note = c.note ? [h("p", { class: "faint" }, c.note)] : [];
  if (c.data !== undefined || c.type.startsWith("image/")) return [image(c, name), ...note];
  if (c.type === "table") return [...note, grid(rowsOf(c.text, c.comma))];
  return [...note, h("pre", { class: "code", tabindex: "0" }, c.text || "")];
}

// save is a link that saves a file that is in the page as a whole.
function save(c, name) {
  if (!name || c.note) return [];
  const href = c.type.startsWith("image/") ? `data:${c.type};base64,${c.data || ""}` : `data:text/plain;charset=utf-8,${encodeURIComponent(c.text || "")}`;
  return [h("p", {}, h("a", { href, download: name.split("/").pop() }, "Save"))];
}

export function image(c, name) {
  return h("img", { src: `data:${c.type};base64,${c.data || ""}`, alt: name, class: "picture" });
}

function grid(rows) {
  const [head = [], ...rest] = rows;
  return h("div", { class: "grid-scroll", tabindex: "0" }, h("table", { class: "grid" },
    h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rest.slice(0, maxRows).map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))),
    rest.length > maxRows && h("p", { class: "faint" }, `the first ${maxRows} of ${rest.length} rows`));
}

// fileList lists files; those that are in the page can be opened.
export function fileList(files) {
  const list = h("ul", { class: "plain files" });
  const most = 300;
  for (const f of files.filter((f) => f.kind !== "d").slice(0, most)) list.append(h("li", {}, entry(f)));
  const more = files.filter((f) => f.kind !== "d").length - most;
  if (more > 0) list.append(h("li", { class: "faint" }, `and ${more} more`));
  return list;
}

function entry(f) {
  const about = [h("code", {}, f.path), h("span", { class: "faint" }, f.kind === "l" ? ` → ${f.target}` : ` ${bytes(f.size)}`)];
  if (!f.content) return [about, " ", f.blake3 && copyable(f.blake3, `${f.blake3.slice(0, 8)}…`)];
  const details = h("details", {}, h("summary", {}, about));
  details.addEventListener("toggle", () => details.children.length === 1 && details.append(
    f.blake3 ? h("p", {}, copyable(f.blake3, `blake3 ${f.blake3.slice(0, 16)}…`)) : "", shown(f.content, f.path)));
  return details;
}
