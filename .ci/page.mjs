// A report's page in headless Chromium, as people meet it: light, dark, on a phone, on paper. Nothing may go wrong, leave the page or keep anybody from
// reading it. `node .ci/page.mjs FOLDER PAGE...`: FOLDER has the modules, CHROMIUM is the browser, WAY is one of the ways alone. Exit status 1: what is wrong is printed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...pages] = process.argv.slice(2);
const require = createRequire(resolve(modules, "modules.cjs"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WAYS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const ways = Object.entries(WAYS).filter(([way]) => (process.env.WAY ?? way) === way);
let wrong = 0;
for (const page of pages) {
  const url = pathToFileURL(resolve(page)).href;
  for (const [way, options] of ways) {
    const found = [];
    const pictures = await shown(url, options, found);
    const rules = await readable(url, options, found);
    console.log(`${page}, ${way}: ${pictures} pictures, ${rules} rules of axe passed, ${found.length} wrong`);
    found.forEach((what) => console.log(`  ${what}`));
    wrong += found.length;
  }
}
await browser.close();
process.exit(wrong > 0 ? 1 : 0);

/** The page as it is, under its own policy: no error, no request, no picture that is not shown, no scrolling sideways. */
async function shown(url, options, found) {
  const say = (what) => found.push(what);
  const context = await browser.newContext({ ...options, offline: true });
  const tab = await context.newPage();
  tab.on("console", (message) => ["error", "warning"].includes(message.type()) && say(`console: ${message.text()}`));
  tab.on("pageerror", (error) => say(`error: ${error.message}`));
  tab.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) say(`request: ${request.url().slice(0, 100)}`);
  });
  await tab.goto(url, { waitUntil: "load" });
  const [wide, width, blank, pictures] = await tab.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
    [...document.images].filter((image) => image.naturalWidth === 0).length,
    document.images.length,
  ]);
  if (wide > width) say(`it is ${wide} wide, and the window ${width}`);
  if (blank > 0) say(`${blank} pictures are not shown`);
  await tab.pdf();
  await context.close();
  return pictures;
}

/** What axe finds. Its script needs the page's policy out of the way, which is why it is looked at apart. */
async function readable(url, options, found) {
  const context = await browser.newContext({ ...options, offline: true, bypassCSP: true });
  const tab = await context.newPage();
  await tab.goto(url);
  await tab.evaluate(axe);
  const { violations, passes } = await tab.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of violations) found.push(`${id}: ${help}: ${nodes.length} times, first ${nodes[0].html.slice(0, 120)}`);
  await context.close();
  return passes.length;
}
