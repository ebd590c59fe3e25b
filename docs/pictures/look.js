// Takes pictures of reports to be looked at after a change of the page: node
// look.js TO REPORT.html… [-- VIEW…], in internal/report/browsertest. Each report is
// taken at three widths, in both schemes, in all views or in those that are named. It
// says which of them scrolls sideways as a whole, and what went wrong in them.
"use strict";
const fs = require("fs");
const path = require("path");
const { chromium } = require(require.resolve("playwright-core", { paths: [process.cwd()] }));

const plot = (kind) => async (page) => {
  await page.click("#tab-plots");
  await page.click(`.segments button:has-text("${kind}")`);
};
const row = (page, i) => page.locator("table.runs tbody tr:not(.spacer)").nth(i);
const views = {
  graph: () => {},
  stage: (page) => page.locator("svg.graph .node:not([data-group])").first().click({ force: true }),
  sweep: async (page) => {
    if (await page.locator("svg.graph .node[data-group]").count()) await page.locator("svg.graph .node[data-group]").first().click({ force: true });
  },
  runs: (page) => page.click("#tab-runs"),
  run: async (page) => {
    await page.click("#tab-runs");
    await row(page, 2).click();
  },
  nothing: async (page) => {
    await page.click("#tab-runs");
    await page.fill(".view.runs input[type=search]", "nothing like this");
  },
  scatter: plot("Scatter"), lines: plot("Lines"), parallel: plot("Parallel"), histogram: plot("Histogram"), curves: plot("Curves"), images: plot("Images"),
  times: async (page) => {
    await page.click("#tab-plots");
    await page.selectOption(".view.plots select", "all");
  },
  compare: async (page) => {
    await page.click("#tab-runs");
    for (const i of [0, 3]) await row(page, i).locator("input").check();
    await page.click("#tab-compare");
  },
  print: async (page) => {
    await page.click("#tab-runs");
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  },
};

async function take(browser, report, width, colorScheme, view, to) {
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  const name = `${path.basename(report, ".html")}-${width}-${colorScheme}-${view}`;
  page.on("pageerror", (error) => console.log(`${name}: ${error.stack}`));
  await page.goto(`file://${path.resolve(report)}`);
  await page.waitForSelector("#tab-graph");
  await views[view](page);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > width) console.log(`${name}: it scrolls to ${wide}`);
  await page.screenshot({ path: path.join(to, name + ".png") });
  await page.close();
}

(async () => {
  const [to, ...rest] = process.argv.slice(2);
  const cut = rest.indexOf("--");
  const reports = cut < 0 ? rest : rest.slice(0, cut), wanted = cut < 0 ? Object.keys(views) : rest.slice(cut + 1);
  fs.mkdirSync(to, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  for (const report of reports) for (const width of [360, 768, 1280]) for (const scheme of ["light", "dark"]) {
    for (const view of wanted) await take(browser, report, width, scheme, view, to);
  }
  await browser.close();
})();
