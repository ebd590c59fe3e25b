// Takes the pictures of reports: node shoot.js FROM TO, where FROM has anneal.html
// and sweep.html.
"use strict";
const { chromium } = require(require.resolve("playwright-core", { paths: [process.cwd()] }));
const [from, to] = process.argv.slice(2);

const pictures = {
  "report-graph": ["sweep", "light", async (page) => {
    await page.click("svg.graph .node[data-group] >> nth=0");
    await page.click("text=Fold train[*]");
  }],
  "report-runs": ["sweep", "light", async (page) => {
    await page.click("#tab-runs");
    await page.fill(".view.runs input[type=search]", "rate > 0.01 and validation >= 0.9");
    await page.click("th button:has-text('validation')");
    await page.click("th button:has-text('validation')");
  }],
  "report-plots": ["sweep", "light", (page) => page.click("#tab-plots")],
  "report-curves": ["anneal", "dark", async (page) => {
    await page.click("#tab-plots");
    await page.click("text=Curves");
  }],
  "report-compare": ["sweep", "light", async (page) => {
    await page.click("#tab-runs");
    for (const row of [2, 13]) await page.click(`tr[data-row="${row}"] input`);
    await page.click("#tab-compare");
  }],
};

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  for (const [name, [report, colorScheme, go]] of Object.entries(pictures)) {
    const page = await browser.newPage({ viewport: { width: 1100, height: 620 }, colorScheme });
    await page.goto(`file://${from}/${report}.html`);
    await page.waitForSelector("#tab-graph");
    await go(page);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(500);
    await page.screenshot({ path: `${to}/${name}.png` });
    await page.close();
  }
  await browser.close();
})();
