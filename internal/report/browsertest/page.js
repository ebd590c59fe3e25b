// Looks at pages of plx report as a reader does: node page.js SMALL DIR LARGE
//
// SMALL and DIR are the same report as a file and as a directory; its contents
// try to do harm. LARGE has 300 stages and 5,000 runs. Each check prints its
// name; the first that fails ends it with status 1.
"use strict";
const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [small, dir, large] = process.argv.slice(2).map((p) => path.resolve(p));
const url = (file) => "file://" + file;

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    for (const [name, check] of Object.entries(checks)) {
      await one(browser, name, check);
    }
  } finally {
    await browser.close();
  }
}

// one runs a check in a page of its own, in which nothing may go wrong.
async function one(browser, name, check) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...check.context });
  const page = await context.newPage();
  const wrong = [], requests = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && wrong.push(`console: ${m.text()}`));
  page.on("pageerror", (e) => wrong.push(`error: ${e.stack}`));
  page.on("dialog", (d) => {
    wrong.push(`dialog: ${d.message()}`);
    d.dismiss();
  });
  page.on("request", (r) => r.url().startsWith("data:") || requests.push(r.url()));
  try {
    await check(page, requests);
    assert.equal(await page.evaluate("window.harm"), undefined, "something of the contents ran");
    assert.deepEqual(wrong, []);
    for (const r of requests) assert.ok(r.startsWith("file://"), `a request left the page: ${r}`);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}`);
    throw error;
  } finally {
    await context.close();
  }
}

const tab = (page, name) => page.click(`#tab-${name}`);
const open = async (page, file = small) => {
  await page.goto(url(file));
  await page.waitForSelector("#tab-graph");
};
const view = (page, id) => page.selectOption(".view.runs select", { label: id });
const rows = (page) => page.locator("table.runs tbody tr:not(.spacer)");
// cells returns the texts of a column of the table.
const cells = async (page, label) => page.evaluate((label) => {
  const heads = [...document.querySelectorAll("table.runs th")];
  const i = heads.findIndex((h) => h.textContent.replace(/ [↑↓]$/, "") === label);
  return [...document.querySelectorAll("table.runs tbody tr:not(.spacer)")].map((r) => r.children[i].textContent);
}, label);

const checks = {
  async "loads, and asks for nothing else"(page, requests) {
    await open(page);
    assert.match(await page.title(), /^stage\.toml/);
    assert.equal(await page.locator("svg.graph .node").count(), 5); // data, fit[*], old, new, lost
    assert.deepEqual(requests, [url(small)]);
  },

  async "opens a sweep by a click, and shows a stage"(page) {
    await open(page);
    await page.click("svg.graph .node[data-group]");
    assert.equal(await page.locator("svg.graph .node").count(), 8);
    await page.click("text=Fold fit[*]");
    assert.equal(await page.locator("svg.graph .node").count(), 5);
    await page.click("svg.graph .node.failed");
    await page.waitForFunction(() => /this did not go well/.test(document.querySelector(".panel").textContent));
    await page.click("svg.graph .node[aria-label^='new']");
    const text = await page.textContent(".panel");
    for (const want of ["printf", "Promises", "m.json", "a script that was changed"]) assert.ok(text.includes(want), want);
  },

  async "sorts by a column, either way"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    await page.click("th button:has-text('loss')");
    const up = (await cells(page, "loss")).map(Number);
    assert.deepEqual(up, [...up].sort((a, b) => a - b));
    assert.equal(up.length, 8);
    await page.click("th button:has-text('loss')");
    assert.deepEqual((await cells(page, "loss")).map(Number), up.toReversed());
    assert.equal(await page.getAttribute("th[aria-sort]", "aria-sort"), "descending");
  },

  async "filters by an expression, and by words"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    const filter = page.locator(".view.runs input[type=search]");
    await filter.fill("rate < 0.5 and not (run == 2)");
    assert.deepEqual([...new Set(await cells(page, "rate"))], ["0.1"]);
    assert.deepEqual(await cells(page, "run"), ["1", "1"]);
    assert.equal(await page.textContent(".view.runs .count"), "2 of 8 runs");
    await filter.fill("metrics.loss > 0.1 and metrics.nothing == 1");
    assert.match(await page.textContent(".view.runs .problem"), /no column metrics.nothing/);
    await filter.fill("rate = 1");
    assert.match(await page.textContent(".view.runs .problem"), /column 6: want == to compare/);
    await filter.fill("FIT plain");
    assert.equal(await rows(page).count(), 4);
    await filter.fill("no such word");
    assert.ok(await page.isVisible("text=No run is like that."));
  },

  async "shows the columns that are chosen, and marks the chosen runs"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    assert.equal(await page.locator("tr.picked").count(), 1); // the best, by new.best
    await page.click(".view.runs .menu summary");
    await page.click(".choices label:has-text('host')");
    assert.equal(await page.locator("table.runs th:has-text('host')").count(), 1);
    await page.click(".choices label:has-text('metrics.loss')");
    assert.equal(await page.locator("table.runs th:has-text('loss')").count(), 0);
  },

  async "plots"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    await tab(page, "plots");
    for (const kind of ["Scatter", "Lines", "Parallel", "Histogram", "Curves"]) {
      await page.click(`.segments button:has-text("${kind}")`);
      await page.waitForSelector(".chart canvas");
      const ink = await page.evaluate(() => {
        const c = document.querySelector(".chart canvas");
        return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.reduce((n, v, i) => n + (i % 4 === 3 && v > 0 ? 1 : 0), 0);
      });
      assert.ok(ink > 500, `${kind} draws ${ink} pixels`);
    }
    assert.match(await page.textContent(".series"), /fit\[rate=/);
    await page.click(`.segments button:has-text("Images")`);
    await page.waitForFunction(() => [...document.querySelectorAll(".chart img")].filter((i) => i.naturalWidth > 0).length >= 1);
  },

  async "plots when and how long all stages ran"(page) {
    await open(page);
    await tab(page, "plots");
    await page.selectOption(".view.plots select", "all");
    assert.equal(await page.inputValue("[data-name=x]"), "name");
    assert.match(await page.getAttribute(".chart", "aria-label"), /^time against name of \d+ runs$/);
    await page.selectOption("[data-name=x]", "made");
    await page.selectOption("[data-name=y]", "name");
    assert.match(await page.getAttribute(".chart", "aria-label"), /^name against made/);
  },

  async "tells of the point under the pointer, and opens its run"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    await tab(page, "plots");
    const over = page.locator(".chart .u-over");
    const box = await over.boundingBox();
    let tip = "";
    for (let x = 10; x < box.width && !tip; x += 12) {
      for (let y = 10; y < box.height && !tip; y += 12) {
        await page.mouse.move(box.x + x, box.y + y);
        if (await page.isVisible(".chart .tip")) {
          tip = await page.textContent(".chart .tip");
          await page.mouse.click(box.x + x, box.y + y);
        }
      }
    }
    assert.match(tip, /fit\[rate=.*loss/);
    await page.waitForSelector(".panel:not([hidden])");
    assert.match(await page.textContent(".panel h2"), /fit\[rate=/);
  },

  async "compares two runs: config, script, metrics, files"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "old (1)");
    await rows(page).nth(0).locator("input").check();
    await view(page, "new (1)");
    await rows(page).nth(0).locator("input").check();
    await page.click(".to-compare >> visible=true");
    assert.deepEqual((await page.locator(".diff .del").allTextContents()).map((t) => t.trim()), ["- # a script"]);
    assert.ok((await page.locator(".diff .add").allTextContents()).some((t) => t.includes("# a script that was changed")));
    const metrics = await page.textContent(".compared:has(h2:text('Metrics'))");
    assert.match(metrics, /m\.x\s*1\s*2 \+1, \+100 %/);
    assert.match(await page.textContent(".compared:has(h2:text('Config'))"), /level\s*1\s*2/);
    assert.match(await page.textContent(".compared:has(h2:text('Files'))"), /m\.json/);
  },

  async "follows a result to the files that it comes from"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "new (1)");
    await rows(page).nth(0).click();
    await page.click(".panel .tree summary");
    await page.click(".panel .tree .tree summary");
    await page.waitForSelector(".panel .tree .tree .tree"); // what a branch has comes when it is opened
    assert.match(await page.textContent(".panel .tree .tree"), /file <img src=x onerror=harm=1>\.csv blake3/);
    assert.match(await page.getAttribute(".panel .tree .tree .copy", "aria-label"), /^Copy (rref:|[0-9a-f]{64})/);
  },

  async "runs nothing that the contents bring"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    await rows(page).nth(0).click();
    for (const summary of await page.locator(".panel .files summary").all()) await summary.click();
    await page.click(".panel summary:has-text('Log')");
    await page.waitForFunction(() => document.querySelector(".panel img")?.naturalWidth > 0);
    await page.waitForFunction(() => document.querySelector(".panel").textContent.includes("harm=1</script><!--"));
    const text = await page.textContent(".panel");
    assert.ok(text.includes("</script><script>harm=1</script>"), "the log is shown as it is");
    assert.equal(await page.locator(".panel script, .panel iframe, .panel object").count(), 0);
    assert.equal(await page.evaluate(() => document.querySelectorAll("main img:not([src^='data:image/'])").length), 0);
  },

  async "takes no name of a metric for one of its own"(page) {
    await open(page);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    assert.deepEqual((await cells(page, "constructor")).filter(Boolean), ["2", "2"]);
    await page.fill(".view.runs input[type=search]", "metrics.constructor == 2");
    assert.equal(await rows(page).count(), 2);
  },

  async "needs no mouse"(page) {
    await open(page);
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className.baseVal || document.activeElement.className || document.activeElement.tagName);
    for (let i = 0; i < 10 && (await focused()) !== "tab-graph"; i++) await press("Tab");
    assert.equal(await focused(), "tab-graph");
    for (let i = 0; i < 15 && !(await focused()).startsWith("node"); i++) await press("Tab");
    await press("ArrowRight", "Enter");
    await page.waitForSelector(".panel:not([hidden])");
    await press("Escape");
    assert.ok(await page.isHidden(".panel"));
    assert.ok((await focused()).startsWith("node"), "the focus is back in the graph");
    await press("2", "/");
    assert.equal(await page.evaluate(() => document.activeElement.type), "search");
    await page.keyboard.type("fit");
    for (let i = 0; i < 40 && !(await page.evaluate(() => document.activeElement.closest("tbody"))); i++) await press("Tab");
    await press("ArrowDown", "Space", "ArrowDown", "Space", "Enter");
    assert.equal(await page.locator("tr.selected").count(), 2);
    await page.waitForSelector(".panel:not([hidden])");
    await press("Escape", "4");
    assert.match(await page.textContent(".view.compare"), /2 runs selected/);
  },

  async "can be read in both schemes"(page) {
    const backs = new Set();
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await open(page);
      backs.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      assert.deepEqual(await page.evaluate(faint), []);
      assert.deepEqual(await page.evaluate(dim), []);
      await page.click("svg.graph .node.failed");
      assert.deepEqual(await page.evaluate(faint), []);
      await tab(page, "runs");
      for (const i of [0, 1]) await rows(page).nth(i).locator("input").check();
      await rows(page).nth(0).click();
      assert.deepEqual(await page.evaluate(faint), []);
      await tab(page, "plots");
      assert.deepEqual(await page.evaluate(faint), []);
      await tab(page, "compare");
      assert.deepEqual(await page.evaluate(faint), []);
    }
    assert.equal(backs.size, 2);
    await page.click("text=Colours: auto");
    await page.click("text=Colours: light");
    assert.ok(backs.has(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)));
  },

  async "can be printed"(page) {
    await open(page);
    await tab(page, "runs");
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    assert.ok(await page.isHidden("#tabs"));
    assert.ok(await page.isVisible("table.runs"));
    assert.ok((await page.pdf()).length > 10_000);
  },

  async "fits a narrow window"(page) {
    await page.setViewportSize({ width: 390, height: 800 });
    await open(page);
    for (const name of ["graph", "runs", "plots", "compare"]) {
      await tab(page, name);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, name);
    }
  },

  async "is the same as a directory, which loads what is looked at"(page, requests) {
    await open(page, path.join(dir, "index.html"));
    assert.deepEqual(requests, [url(path.join(dir, "index.html"))]);
    await tab(page, "runs");
    await view(page, "fit[*] (8)");
    await rows(page).nth(0).click();
    await page.waitForFunction(() => document.querySelector(".panel img")?.naturalWidth > 0);
    assert.deepEqual(requests.slice(1), [url(path.join(dir, "data/0.js"))]);
  },

  async "stays usable when it is large"(page) {
    await open(page, large);
    assert.equal(await page.locator("svg.graph .node").count(), 300);
    await tab(page, "runs");
    assert.equal(await page.getAttribute("table.runs", "aria-rowcount"), "5001");
    assert.ok((await rows(page).count()) < 100, "only rows that can be seen are in the document");
    await page.fill(".view.runs input[type=search]", "m.x > 100 and m.x <= 200");
    assert.match(await page.textContent(".view.runs .count"), /^100 of 5,000 runs$/);
    await page.fill(".view.runs input[type=search]", "");
    await page.evaluate(() => (document.querySelector(".table-scroll").scrollTop = 1e9));
    await page.waitForSelector("tr[data-row='4999']");
  },
};

// dim runs in the page: it returns the colours of plots and states that don't
// stand out from the page as WCAG 2 AA wants it of what is no text, 3 to 1.
function dim() {
  const context = document.createElement("canvas").getContext("2d");
  const light = (name) => {
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [r, g, b] = context.fillStyle.match(/[0-9a-f]{2}/g).map((x) => parseInt(x, 16) / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const names = ["--line", "--accent", "--done", "--part", "--failed", "--running", "--star", ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => "--s" + n)];
  return names.filter((name) => {
    const [a, b] = [light(name), light("--back")].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 3;
  });
}

// faint runs in the page: it returns texts that don't stand out from what is
// behind them as WCAG 2 AA wants it, 4.5 to 1.
function faint() {
  const rgb = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      if (e instanceof SVGElement) {
        const box = e.parentElement?.querySelector(":scope > .box");
        if (box) return rgb(getComputedStyle(box).fill);
        continue;
      }
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t = walker.nextNode(); t; t = walker.nextNode()) {
    const e = t.parentElement;
    if (!t.data.trim() || ["SCRIPT", "STYLE", "TITLE", "OPTION"].includes(e.tagName.toUpperCase()) || !e.checkVisibility() || e.closest(":disabled, .hidden")) continue;
    const style = getComputedStyle(e);
    const front = rgb(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(front), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${t.data.trim().slice(0, 40)} (${e.tagName}.${e.getAttribute("class")})`);
  }
  return found;
}

main().catch((error) => {
  console.log(error.stack);
  process.exitCode = 1;
});
