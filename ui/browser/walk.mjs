/** Walks through the map, plans and runs as a person would, while the server dies and comes back: see `common.mjs`. */
import assert from "node:assert/strict";
import { HOSTILE, walk } from "./common.mjs";

let here; // the walk, and its page
let page;

const phase = (name) => here.phase(name);
const counted = (name, text) => here.counted(name, text);
const post = (path, body) => here.post(path, body);
const plan = (id, command, more) => here.plan(id, command, more);
const run = (id) => here.run(id);
/** The color of the map at a place, as red, green, blue; undefined: it is not painted yet. */
const cell = (x = 4) =>
  page.locator("[data-space=default] canvas").evaluate((canvas, x) => {
    const [red, green, blue, there] = canvas.getContext("2d").getImageData(x, 4, 1, 1).data;
    return there ? [red, green, blue] : undefined;
  }, x);
/** Waits until the first slot has this color, or with `not` another one. */
const colored = (color, not = false) => here.until(async () => ((await cell())?.join() === color) !== not, `the first slot is ${not ? "not " : ""}${color}`);
const pale = (color) => color !== undefined && Math.max(...color) - Math.min(...color) < 24 && color[0] > 200;

async function map() {
  await page.goto(`${here.url}/`);
  assert.equal(new URL(page.url()).pathname, "/ui/");
  await phase("live");
  await page.getByText("There is no plan yet").waitFor();
  await counted("running", "0");
  await here.until(cell, "the map is painted");
  const free = (await cell()).join();
  await plan("hold", "echo 'hello <b>bold</b>'; while [ ! -e let-go ]; do sleep 0.1; done", { name: HOSTILE });
  const id = await run("hold");
  await counted("running", "1");
  await page.getByText("There is no plan yet").waitFor({ state: "detached" });
  await colored(free, true);
  await page.locator("[data-space=default] canvas").click({ position: { x: 5, y: 5 } });
  await page.locator(`[data-run="${id}"]`).waitFor();
  await here.asked("run", id);
  await page.locator(".log", { hasText: "hello <b>bold</b>" }).waitFor();
  assert.equal(await page.locator(".log b").count(), 0);
  return { id, free };
}

async function find(id) {
  await page.getByRole("searchbox", { name: "Plan, name or id" }).fill("HOL");
  await page.locator("[data-found='1']").waitFor();
  await page.getByRole("searchbox", { name: "Plan, name or id" }).fill("nothing like it");
  await page.locator("[data-found='0']").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("[data-found]").waitFor({ state: "detached" });
  await page.goto(`${here.url}/ui/?q=HOL&run=${id}`);
  await page.evaluate(() => (window.same = true));
  await page.locator("[data-found='1']").waitFor();
  await here.until(async () => pale(await cell(30)), "a slot beside a match is pale");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("combobox", { name: "Started by" }).selectOption("schedule");
  await page.locator("[data-found='0']").waitFor();
  await page.getByRole("combobox", { name: "Started by" }).selectOption("manual");
  await page.getByRole("combobox", { name: "Plan" }).focus();
  await page.locator("#live-plans option[value=hold]:only-child").waitFor({ state: "attached" });
  await page.getByRole("combobox", { name: "Plan" }).fill("hold");
  await page.keyboard.press("Enter");
  await page.locator("[data-found='1']").waitFor();
  await here.asked("plan", "hold");
  await page.locator("[data-space=default] [data-count=found] b:text-is('1')").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("button", { name: "Close" }).click();
}

/** By keys alone: to a run, into it, through its dialog, and back to where one was. */
async function keys(id) {
  await page.locator(".stage").first().focus();
  await page.keyboard.press("n");
  await page.locator(".tip", { hasText: "hold" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator(`[data-run="${id}"]:focus`).waitFor();
  await page.getByRole("button", { name: "Cancel run" }).waitFor();
  for (let press = 0; press < 3; press++) await page.keyboard.press("Tab");
  const button = page.locator("button:focus", { hasText: "Cancel run" });
  await button.waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await button.waitFor(); // a dialog gives the focus back
  await page.keyboard.press("Escape");
  await page.locator(`[data-run="${id}"]`).waitFor({ state: "detached" });
  await page.locator(".stage:focus").waitFor(); // as does a closed run
  await page.keyboard.press("Home");
  await page.locator(".tip", { hasText: "hold" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.locator(".tip", { hasText: "Slot 2 is free" }).waitFor();
  await page.keyboard.press("p");
  await page.locator(".tip", { hasText: "hold" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator(`[data-run="${id}"]`).waitFor();
}

async function cancel({ id, free }) {
  await page.getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("dialog").getByText("asked to stop").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await counted("running", "0");
  await page.locator(`[data-lately=ended] a[href*="${id}"]`, { hasText: "cancelled" }).waitFor();
  await page.locator("[data-lately=failed]", { hasText: "None." }).waitFor();
  await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
  await colored(free);
  await page.getByRole("button", { name: "Close" }).click();
}

/** A run that nobody can take yet is looked at, and says by itself what it says once somebody has it. */
async function waiting() {
  await plan("patient", "echo at last; sleep 1", { executor: "shell" });
  await post("queues/pause", { by: "walk", note: "to see a run wait" });
  const id = await run("patient");
  await counted("waiting", "1");
  await page.locator("[data-space=default] canvas").click({ position: { x: 5, y: 5 } });
  await page.locator(`[data-run="${id}"] .log`, { hasText: "Waiting for output" }).waitFor();
  await post("queues/resume", {});
  await page.locator(".log", { hasText: "at last" }).waitFor();
  await counted("running", "0");
  await page.locator(".states", { hasText: "ended: complete" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
}

async function outage() {
  await plan("ticker", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done");
  const ticker = await run("ticker");
  await page.locator("[data-space=default] canvas").click({ position: { x: 5, y: 5 } });
  await page.locator(".log", { hasText: "line 2" }).waitFor();
  here.away = true;
  await here.ask("server stop");
  await phase("lost");
  const before = Number((await page.locator(".log").innerText()).match(/line (\d+)/g).at(-1).slice(5));
  await page.getByRole("alert").waitFor();
  await here.ask("server start");
  await phase("live");
  const other = await run("hold");
  await counted("running", "2");
  await post(`jobs/${other}/cancel`, {});
  await counted("running", "1");
  await page.locator(".log", { hasText: `line ${before + 3}\n` }).waitFor();
  here.away = false;
  await post(`jobs/${ticker}/cancel`, {});
  await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
  await counted("running", "0");
  assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");
}

async function plans() {
  await plan("quick", "true");
  await page.getByRole("navigation").getByRole("link", { name: "Plans" }).click();
  await page.getByText(HOSTILE).waitFor();
  await here.picture("plans");
  await page.getByRole("link", { name: "quick", exact: true }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("<i>why</i>");
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.getByText("<i>why</i>").first().waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
  await page.waitForURL(/\/ui\/runs\/\w+$/);
  await page.locator(".states", { hasText: "ended: complete" }).waitFor();
  await page.reload();
  await page.locator(".states", { hasText: "ended: complete" }).waitFor();
}

async function runs() {
  await page.getByRole("link", { name: "Runs" }).click();
  await page.locator("tbody tr").nth(3).waitFor();
  await page.getByRole("combobox", { name: /^Status/ }).selectOption("cancelled");
  await page.locator("tbody tr td >> text=hold").nth(1).waitFor();
  await page.locator("tbody tr").nth(3).waitFor({ state: "detached" });
}

async function looks() {
  await here.language("zh");
  await page.getByRole("heading", { name: "运行" }).waitFor();
  await here.theme("dark");
  await here.width(390);
  for (const path of ["/ui/", "/ui/plans", "/ui/runs"]) {
    await here.open(path);
    await here.fits();
  }
  await here.picture("narrow");
}

await walk(async (started) => {
  here = started;
  page = started.page;
  const held = await map();
  await find(held.id);
  await keys(held.id);
  await cancel(held);
  await waiting();
  await outage();
  await plans();
  await runs();
  await looks();
});
