/**
 * The connection comes and goes: more tabs than a browser has connections, a tab that nobody looks at, a server that takes
 * calls and says nothing, a page that cannot be loaded any more. See `common.mjs`.
 */
import assert from "node:assert/strict";
import { walk } from "./common.mjs";

const HOLD = "while :; do sleep 0.2; done";
const TABS = 5; // with two streams each; a browser has six connections to a server
const SILENCE = 60_000; // the page gives a silent server 20 s

const ofStream = (request) => request.url().includes("/v3/schedule/watch");

/** As when another tab is chosen, or this one again. */
async function shown(page, yes) {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, !yes);
}

async function leave(page) {
  const ended = page.waitForEvent("requestfailed", ofStream);
  await shown(page, false);
  await ended;
}

async function hiddenTab(here) {
  const { page } = here;
  await here.open("/ui/");
  await page.evaluate(() => (window.same = true));
  await here.plan("hold", HOLD);
  await leave(page);
  await here.run("hold");
  const resumed = page.waitForRequest((request) => ofStream(request) && request.url().includes("after="));
  await shown(page, true);
  await resumed;
  await here.counted("running", "1");
  await here.phase("live");
}

async function manyTabs(here) {
  const tabs = [here.page];
  await leave(here.page);
  while (tabs.length < TABS) {
    const tab = await here.page.context().newPage();
    await tab.goto(`${here.url}/ui/cluster`);
    await tab.locator("[data-phase=live]").waitFor();
    await tab.locator("[data-leader]").waitFor();
    await leave(tab);
    tabs.push(tab);
  }
  await shown(here.page, true);
  for (const tab of tabs.slice(1)) await tab.close();
  await here.phase("live");
}

async function silentServer(here) {
  const { page } = here;
  here.away = true;
  await here.ask("server pause");
  await page.locator("[data-phase=lost]").waitFor({ timeout: SILENCE });
  await page.getByRole("alert").filter({ hasText: "what you see may be old" }).waitFor();
  await here.ask("server resume");
  await page.getByRole("alert").waitFor({ state: "detached", timeout: SILENCE });
  await here.phase("live");
  await here.post("namespaces", { name: "later", job_parallelism_limit: 3 });
  await page.locator("[data-space=later]").waitFor();
  assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");
}

async function noNetwork(here) {
  const { page } = here;
  await page.context().setOffline(true);
  await here.phase("lost");
  await page.context().setOffline(false);
  await here.phase("live");
}

async function oldPage(here) {
  const { page } = here;
  await page.route("**/assets/TimelinePage*", (route) => route.fulfill({ status: 404 }));
  await page.getByRole("link", { name: "Timeline" }).click();
  await page.getByRole("alert").filter({ hasText: "cannot be loaded" }).waitFor();
  await page.unroute("**/assets/TimelinePage*");
  await page.getByRole("button", { name: "Load anew" }).click();
  await page.locator("[data-bars][data-loading=false]").waitFor();
  here.away = false;
}

await walk(async (here) => {
  await hiddenTab(here);
  await manyTabs(here);
  await silentServer(here);
  await noNetwork(here);
  await oldPage(here);
});
