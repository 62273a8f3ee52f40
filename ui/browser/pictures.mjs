/**
 * Takes the pictures of docs/images: each page once, as it is while a team's plans run (`scripts/pictures`, which makes them).
 *
 * 1280 px wide, and as high as what is worth a look; none is larger than 150 KiB. See `common.mjs`.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { walk } from "./common.mjs";
import { smaller } from "./png.mjs";

const MOST = 150 * 1024;
const folder = process.argv[4];

async function told(here, path) {
  const answer = await fetch(`${here.url}/v3/schedule/${path}`);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return (await answer.json()).data ?? [];
}

/** One page: its path, its height, what is there once it is whole, and what is done before the picture. */
async function take(here, name, { path, ready, height = 800, act }) {
  const { page } = here;
  await here.width(1280, height);
  await here.open(path);
  await page.locator(ready).first().waitFor();
  await page.locator("main :text-matches('^(Loading|Counting|加载中)')").first().waitFor({ state: "detached" });
  await act?.(page);
  await here.fits();
  await page.mouse.move(0, 0);
  await save(here, name);
}

async function save(here, name) {
  await here.picture(name);
  const path = `${folder}/${name}.png`;
  const small = smaller(await readFile(path));
  assert.ok(small.length <= MOST, `${name}.png has ${small.length} bytes, at most ${MOST} are wanted`);
  await writeFile(path, small);
}

/** A plan that is being written: the server would take it, and the clock changes on some of its days. */
async function write(page) {
  await page.getByLabel("Id (empty").fill("archive-orders");
  await page.getByLabel("Owner").fill("data-team");
  await page.getByLabel("Description").fill("Orders of last year, into the archive");
  await page.getByLabel("Parameters").fill('{"command": "./archive --older-than 365d"}');
  await page.getByLabel("Schedule (empty").fill("30 2 25-31 3,10 SUN");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.locator("summary", { hasText: "Bounds" }).click();
  await page.getByLabel("Day of month and day of week").selectOption("all");
  await page.locator("summary", { hasText: "More" }).click();
  await page.getByLabel("Labels").fill("team=data\ntier=2");
  await page.locator("[data-valid=yes]").waitFor();
  await page.locator(".fires mark").first().waitFor();
  await page.locator(":focus").blur();
  await page.evaluate(() => scrollTo(0, 0));
}

/** The map when it has been looked at for a while: the run beside it has output, and some others have ended. */
async function busy(page) {
  await page.locator(".log", { hasText: "epoch" }).waitFor();
  await page.locator(".ended li").nth(3).waitFor({ timeout: 60_000 });
}

async function pictures(here) {
  const running = await told(here, "jobs?plan_id=embeddings-train&status=running&limit=1");
  const nodes = await told(here, "nodes");
  const node = nodes.find((one) => one.drain)?.ID;
  assert.ok(running[0] && node, "a run that goes on, and a node under drain");
  const run = running[0].id;
  await take(here, "ui-map", { path: `/ui/?run=${run}`, ready: "[data-herds]", height: 1000, act: busy });
  await take(here, "ui-plans", { path: "/ui/plans", ready: ".strip .is-complete" });
  await take(here, "ui-plan", { path: "/ui/plans/data/orders-import", ready: ".ledger tbody tr", height: 900 });
  await take(here, "ui-form", { path: "/ui/plans?new=1", ready: ".plan-form", height: 1460, act: write });
  await take(here, "ui-runs", { path: "/ui/runs", ready: "tbody tr" });
  await take(here, "ui-run", { path: `/ui/runs/${run}`, ready: ".trace", height: 900 });
  await take(here, "ui-timeline", { path: "/ui/timeline?last=900000", ready: "[data-loading=false]", height: 920 });
  await take(here, "ui-nodes", { path: "/ui/nodes", ready: "progress", height: 420 });
  await take(here, "ui-node", { path: `/ui/nodes/${node}`, ready: "progress", height: 800 });
  await take(here, "ui-cluster", { path: "/ui/cluster", ready: "[data-leader]", height: 860 });
  await here.theme("dark");
  await take(here, "ui-dark", { path: "/ui/?q=features", ready: "[data-found]", height: 760 });
  await here.language("zh");
  await here.width(390, 844);
  await here.open("/ui/");
  await here.page.locator("[data-herds]").waitFor();
  await here.fits();
  await save(here, "ui-phone");
}

await walk(pictures, { timezoneId: "Europe/Berlin" });
