// What the page shows: the document that plx report wrote, with what follows
// from it.

export const report = JSON.parse(document.getElementById("model").textContent);
const pieces = JSON.parse(document.getElementById("pieces").textContent);

export const stages = report.stages;
export const runs = report.runs;
export const groups = report.groups;
export const recipes = report.recipes;
export const origins = report.origins;
export const trees = report.trees;
export const graph = report.graph;
export const left = { files: pieces.left, bytes: pieces.leftBytes };

// Tables whose keys builds have chosen have no others: not what each object of
// JavaScript has, such as constructor.
const bare = (table) => Object.setPrototypeOf(table, null);
runs.forEach((run, i) => {
  run.index = i;
  bare(run.metrics);
});
stages.forEach((stage, i) => {
  stage.index = i;
  bare(stage.config);
});

export const recipeOf = (stage) => recipes[stage.recipe];
export const stageOf = (run) => stages[run.stage];
export const filesOf = (run) => trees[run.tree].concat(run.volatile || []);

// title names a run among those of its stage.
export function title(run) {
  const stage = stageOf(run);
  return stage.runs.length > 1 && run.run > 0 ? `${stage.name} · run ${run.run}` : stage.name;
}

// usedBy tells for each run what was built from it.
export const usedBy = runs.map(() => []);
for (const run of runs) {
  for (const [input, from] of Object.entries(run.context)) {
    from.forEach((i, rank) => i >= 0 && usedBy[i].push({ run, input, rank: rank + 1, of: from.length }));
  }
}

// choices tells for each run who has chosen it: the inputs of what was chosen
// itself, and who asks for results.
export const choices = runs.map(() => []);
for (const stage of stages) {
  if (!stage.planned) continue;
  if (report.targets.includes(stage.name)) {
    stage.chosen.forEach((i, rank) => choices[i].push({ by: "result", rank: rank + 1, of: stage.chosen.length }));
  }
  const latest = stage.chosen[0];
  if (latest === undefined) continue;
  for (const [input, from] of Object.entries(runs[latest].context)) {
    from.forEach((i, rank) => i >= 0 && choices[i].push({ by: `${stage.name}.${input}`, rank: rank + 1, of: from.length }));
  }
}

// picked tells the choices of a run that left out others of the same view: one
// that takes all of them marks none.
export function picked(run, view) {
  return choices[run.index].filter((c) => c.of < view.runs.length);
}

// Contents come from elements of the page, or from files beside it.
const given = new Map();
const asked = new Map();
if (pieces.where) {
  window.plxContent = (id, content) => given.set(id, content);
}

const parsed = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve, { once: true });
  else resolve();
});

// content returns a file or a log: { type, text or data, note, comma }.
export async function content(id) {
  if (!given.has(id) && pieces.where) await load(pieces.where[id]);
  if (!given.has(id)) {
    let element = document.getElementById("c-" + id);
    if (!element) {
      await parsed;
      element = document.getElementById("c-" + id);
    }
    if (!element) throw new Error("this file is not in the page");
    given.set(id, JSON.parse(element.textContent));
  }
  return given.get(id);
}

function load(name) {
  if (!asked.has(name)) {
    asked.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.nonce = pieces.nonce;
      script.src = "data/" + name;
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => reject(new Error(`data/${name} is not beside this page`)));
      document.head.append(script);
    }));
  }
  return asked.get(name);
}

// table returns a content that is a table: its columns by their names.
export async function table(id) {
  const c = await content(id);
  if (!c.columns) c.columns = columnsOf(rowsOf(c.text, c.comma));
  return c.columns;
}

// rowsOf reads CSV as RFC 4180 has it.
export function rowsOf(text, comma) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = text.charCodeAt(0) === 0xfeff ? 1 : 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === comma) {
      row.push(cell);
      cell = "";
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i++;
      if (row.length || cell !== "") rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += c;
  }
  if (row.length || cell !== "") rows.push([...row, cell]);
  return rows;
}

function columnsOf(rows) {
  const [header = [], ...rest] = rows;
  return new Map(header.map((name, i) => [name, rest.map((row) => toNumber(row[i]))]));
}

function toNumber(cell) {
  if (cell === undefined || cell.trim() === "") return null;
  const x = Number(cell);
  return Number.isNaN(x) ? cell : x;
}
