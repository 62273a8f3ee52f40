/**
 * Walks through the pages as a person would: `node walk.mjs <url> <chromium> [folder for pictures]`.
 *
 * The server and an agent run already. A line `server stop` or `server start` on stdout asks the caller for it, and waits
 * for a line on stdin. Ends with code 0 when everything was as it must be, else with the first fault on stderr.
 */
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [url, executablePath, pictures] = process.argv.slice(2);
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
const PATIENCE = 15_000;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", locale: "en-US", timezoneId: "UTC" });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE);
let away = false; // while the server is, what the browser says of it is no fault
const faults = [];
page.on("console", (message) => {
  if (message.type() === "error" && !away) faults.push(message.text());
});
page.on("pageerror", (error) => faults.push(error.message));
page.on("dialog", (dialog) => faults.push(`a dialog: ${dialog.message()}`));
page.on("request", (request) => {
  if (!request.url().startsWith(`${url}/`)) faults.push(`a request to ${request.url()}`);
});
await page.addInitScript(() => {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
});

async function post(path, body) {
  const answer = await fetch(`${url}/v3/schedule/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

async function server(what) {
  away = true;
  console.log(`server ${what}`);
  await answers.next();
}

const counted = async (name, text) => {
  await page.locator(`[data-space=default] [data-count=${name}] b:text-is("${text}")`).waitFor();
};
const phase = (name) => page.locator(`[data-phase=${name}]`).waitFor();
const cell = () =>
  page.locator("[data-space=default] canvas").evaluate((canvas) => [...canvas.getContext("2d").getImageData(4, 4, 1, 1).data].slice(0, 3).join());
const picture = async (name) => pictures && (await page.screenshot({ path: `${pictures}/${name}.png` }));
const plan = (id, command, more = {}) =>
  post("plans", { id, name: id, namespace: "default", type: "service", status: "running", executor: "shell", parameters: JSON.stringify({ command }), ...more });
const run = async (id) => (await post(`plans/${id}/run`, { namespace: "default" })).data.id;

async function map() {
  await page.goto(`${url}/`);
  assert.equal(new URL(page.url()).pathname, "/ui/");
  await phase("live");
  await page.getByText("There is no plan yet").waitFor();
  await counted("running", "0");
  const free = await cell();
  await page.evaluate(() => (window.same = true));
  await plan("hold", "echo 'hello <b>bold</b>'; while [ ! -e let-go ]; do sleep 0.1; done", { name: HOSTILE });
  const id = await run("hold");
  await counted("running", "1");
  await page.getByText("There is no plan yet").waitFor({ state: "detached" });
  const running = await cell();
  assert.notEqual(running, free, "the slot of a run has another color");
  await page.locator("[data-space=default] canvas").click({ position: { x: 5, y: 5 } });
  await page.locator(`[data-run="${id}"]`).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("run"), id);
  await page.locator(".log", { hasText: "hello <b>bold</b>" }).waitFor();
  assert.equal(await page.locator(".log b").count(), 0);
  return { id, free };
}

async function find() {
  await page.getByRole("searchbox").fill("HOL");
  await page.locator("[data-found='1']").waitFor();
  await page.getByRole("searchbox").fill("nothing like it");
  await page.locator("[data-found='0']").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("[data-found]").waitFor({ state: "detached" });
  await page.locator(".stage").first().focus();
  await page.keyboard.press("Home");
  await page.locator(".tip", { hasText: "hold" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.locator(".tip", { hasText: "Slot 2 is free" }).waitFor();
}

async function cancel({ id, free }) {
  await page.getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("dialog").getByText("asked to stop").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await counted("running", "0");
  await page.locator(`.ended a[href*="${id}"]`, { hasText: "cancelled" }).waitFor();
  await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
  assert.equal(await cell(), free, "the slot is free again");
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
  await server("stop");
  await phase("lost");
  const before = Number((await page.locator(".log").innerText()).match(/line (\d+)/g).at(-1).slice(5));
  await page.getByRole("alert").waitFor();
  await server("start");
  await phase("live");
  await plan("quick", "sleep 2");
  await run("quick");
  await counted("running", "2");
  await counted("running", "1");
  await page.locator(".log", { hasText: `line ${before + 3}\n` }).waitFor();
  away = false;
  await post(`jobs/${ticker}/cancel`, {});
  await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
  await counted("running", "0");
  assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");
}

async function plans() {
  await page.getByRole("navigation").getByRole("link", { name: "Plans" }).click();
  await page.getByText(HOSTILE).waitFor();
  await picture("plans");
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
  await page.locator("tbody tr").nth(2).waitFor();
  await page.getByLabel("Status").selectOption("cancelled");
  await page.locator("tbody tr td >> text=hold").waitFor();
  await page.locator("tbody tr").nth(2).waitFor({ state: "detached" });
}

async function looks() {
  await page.getByLabel("Language").selectOption("zh");
  await page.getByRole("heading", { name: "运行" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh");
  await page.getByLabel("颜色").selectOption("dark");
  await page.setViewportSize({ width: 390, height: 800 });
  for (const path of ["/ui/", "/ui/plans", "/ui/runs"]) {
    await page.goto(url + path);
    await phase("live");
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= room, `${path} is ${wide} px wide on a screen of ${room}`);
  }
  await picture("narrow");
}

async function policy() {
  assert.equal(await page.title(), (await page.title()).replace("owned", ""));
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  assert.deepEqual(faults, []);
  away = true; // from here on the browser complains, as it must
  const refused = await page.evaluate(() => {
    try {
      document.createElement("div").innerHTML = "<b>x</b>";
      return false;
    } catch {
      return true;
    }
  });
  assert.ok(refused, "text can be turned into markup");
}

try {
  const held = await map();
  await find();
  await cancel(held);
  await waiting();
  await outage();
  await plans();
  await runs();
  await looks();
  await policy();
  console.log("done");
} catch (error) {
  console.error(error, { at: page.url(), faults });
  await page.screenshot({ path: `${pictures ?? "."}/fault.png` }).catch(() => undefined);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.stdin.destroy();
}
