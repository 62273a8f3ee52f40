/** `node bench/map.mjs <chromium>`: the job map of 100,000 slots in a headless browser. Ends with 1 when it is too slow. */
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";

const HELD = { "first drawn": 100, "1,000 changes, median": 50, "filtered, 1,000 changes, median": 50 };
const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(tmpdir(), `jobpool-ui-bench-${process.pid}`);
const oxc = { jsx: { runtime: "automatic", importSource: "preact" } };
await build({ root: here, configFile: false, logLevel: "warn", oxc, base: "/ui/", build: { outDir: out, emptyOutDir: true, target: "es2022" } });

const types = { html: "text/html", js: "text/javascript", css: "text/css" };
const browser = await chromium.launch({ executablePath: process.argv[2] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on("pageerror", (error) => console.error(error));
  await page.route("**/*", async (route) => {
    const path = new URL(route.request().url()).pathname.replace(/^\/ui\/$/, "/ui/index.html").replace("/ui/", "");
    const body = await readFile(join(out, path)).catch(() => undefined);
    await (body ? route.fulfill({ body, contentType: types[path.split(".").pop()] ?? "text/plain" }) : route.fulfill({ status: 404 }));
  });
  await page.goto("http://bench.invalid/ui/");
  const measured = await page.evaluate(() => window.measured);
  for (const [name, time] of Object.entries(measured)) {
    const limit = HELD[name];
    console.log(`${name.padEnd(32)} ${time.toFixed(1).padStart(8)} ms${limit ? `  (held to ${limit})` : ""}`);
    if (limit && time > limit) process.exitCode = 1;
  }
} finally {
  await browser.close();
  await rm(out, { recursive: true, force: true });
}
