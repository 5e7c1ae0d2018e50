// Opens a page in a headless Chromium and says what a person would mind: node page_audit.mjs MODULES CHROMIUM PAGE [PICTURES]
// One JSON object on standard output; PICTURES: a folder for a PNG of each view.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, executablePath, page, pictures] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(modules, "here.js")));
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf-8");
const browser = await require("playwright-core").chromium.launch({ executablePath, args: ["--no-sandbox"] });
const views = [390, 1280].flatMap((width) => ["light", "dark"].map((theme) => ({ width, theme, media: "screen" })));
views.push({ width: 794, theme: "light", media: "print" });
const found = [];
for (const { width, theme, media } of views) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, bypassCSP: true });
  const tab = await context.newPage();
  const requests = [];
  const said = [];
  tab.on("request", (request) => requests.push(request.url()));
  tab.on("console", (message) => said.push(message.text()));
  tab.on("pageerror", (error) => said.push(String(error)));
  await tab.emulateMedia({ media, colorScheme: theme });
  await tab.goto(pathToFileURL(page).href);
  const layout = await tab.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    smallest: Math.min(
      ...[...document.querySelectorAll("body *")]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.getClientRects().length)
        .map((e) => {
          const svg = e.closest("svg");
          const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
          return parseFloat(getComputedStyle(e).fontSize) * scale;
        }),
    ),
    scripts: document.scripts.length,
    charts: document.querySelectorAll("svg[role=img]").length,
    hidden: [...document.querySelectorAll("details")].filter((d) => !d.lastElementChild.checkVisibility({ contentVisibilityAuto: true })).length,
    ink: getComputedStyle(document.body).color,
    paper: getComputedStyle(document.body).backgroundColor,
    text: document.body.innerText,
  }));
  if (pictures) await tab.screenshot({ path: join(pictures, `${media}-${width}-${theme}.png`), fullPage: true });
  if (media === "screen") await tab.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  await tab.evaluate(axe);
  const { violations, passes } = await tab.evaluate(() => axe.run(document));
  if (pictures && media === "print") await tab.pdf({ path: join(pictures, "print.pdf"), format: "A4" });
  found.push({
    width,
    theme,
    media,
    ...layout,
    said,
    requests: requests.filter((url) => !url.startsWith("data:")).length,
    passes: passes.length,
    violations: violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join("; ")}`),
  });
  await context.close();
}
await browser.close();
console.log(JSON.stringify(found));
