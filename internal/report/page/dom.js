// Making elements. Texts become text nodes: nothing here or in any module reads
// markup from a string, so that what comes from builds stays text.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled" || key === "selected") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

// h makes an HTML element: h("p", { class: "x", onclick: f }, "text", other).
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

// s makes an SVG element.
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

// button makes a button that says what it does.
export function button(text, onclick, props) {
  return h("button", { type: "button", onclick, ...props }, text);
}

// wrapped writes a name so that a long one breaks between the axes of a sweep.
export function wrapped(text) {
  return text.split(/(?<=[,[])/).flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part]));
}

// say tells something to who listens to the page.
export function say(text) {
  document.getElementById("said").textContent = text;
}

// copyable shows a text with a button that copies it.
export function copyable(text, shown) {
  const copy = button("Copy", async () => {
    copy.textContent = (await toClipboard(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  }, { class: "copy", "aria-label": `Copy ${text}` });
  return h("span", { class: "copyable" }, h("code", { title: text, tabindex: "-1" }, shown || text), copy);
}

// toClipboard copies a text. A page from a disk may not use the clipboard
// directly: there it selects the text and asks the browser to copy.
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// options makes the options of a select.
export function options(list, chosen) {
  return list.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
}

// labelled puts a label before a control.
export function labelled(text, control, props) {
  return h("label", { class: "field", ...props }, h("span", {}, text), control);
}

// definition lists pairs of a name and what it is; those without are left out.
export function definition(pairs) {
  const list = h("dl", {});
  for (const [name, value] of pairs) {
    if (value === undefined || value === null || value === "" || value === false || (Array.isArray(value) && !value.length)) continue;
    list.append(h("dt", {}, name), h("dd", {}, value));
  }
  return list.children.length ? list : undefined;
}

// section is a part of a panel that can be closed.
export function section(title, open, ...children) {
  const content = children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false);
  if (!content.length) return undefined;
  return h("details", { class: "section", open }, h("summary", {}, title), ...content);
}

// lazy is a section that is filled when it is opened.
export function lazy(title, open, make) {
  const details = h("details", { class: "section" }, h("summary", {}, title));
  let filled = false;
  const ensure = () => {
    if (filled || !details.open) return;
    filled = true;
    details.append(...[make()].flat(Infinity).filter((c) => c));
  };
  details.addEventListener("toggle", ensure);
  details.open = Boolean(open);
  ensure();
  return details;
}
