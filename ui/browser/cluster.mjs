/** Walks through the page Cluster: numbers that come by themselves, events as they happen, a server that dies and is back. */
import assert from "node:assert/strict";
import { HOSTILE, walk } from "./common.mjs";

await walk(async (here) => {
  const { page } = here;
  await here.open("/ui/");
  await page.getByRole("navigation").getByRole("link", { name: "Cluster" }).click();
  await page.getByRole("heading", { name: "Cluster", exact: true }).waitFor();
  await page.locator("[data-leader]").waitFor();
  const row = page.locator("tr[data-server][data-answers=yes]");
  await row.filter({ hasText: "leader" }).filter({ hasText: "embedded" }).filter({ hasText: "well" }).waitFor();
  await page.locator("[data-event=leader]").first().waitFor(); // it may have led, lost and led again
  await page.getByRole("img", { name: /Queues: ready/ }).waitFor();

  await here.plan("busy", "true");
  await Promise.all(Array.from({ length: 8 }, () => here.run("busy")));
  await page.locator("figure", { hasText: "Runs per second" }).locator("path.line-0[d*=L]").waitFor();
  await page.locator("dd", { hasText: "half within" }).first().waitFor();

  await here.post("queues/pause", { by: HOSTILE, note: HOSTILE });
  await page.locator("[data-event=queue_paused]", { hasText: "onerror" }).waitFor();
  await page.getByText("Placing is paused by").waitFor();
  await here.post("queues/resume", {});
  await page.locator("[data-event=queue_resumed]").waitFor();
  await here.picture("cluster");

  const before = await page.locator("section.cluster").getAttribute("data-term");
  await page.evaluate(() => (window.same = true));
  here.away = true;
  await here.ask("server stop");
  await page.getByRole("alert").filter({ hasText: "do not come any more" }).waitFor();
  await here.ask("server start");
  await page.locator(`section.cluster:not([data-term="${before}"])`).waitFor();
  await page.getByRole("alert").filter({ hasText: "do not come any more" }).waitFor({ state: "detached" });
  await here.phase("live");
  here.away = false;
  assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");

  await here.theme("dark");
  await here.picture("cluster-dark");
  await here.language("zh");
  await page.getByRole("heading", { name: "集群" }).waitFor();
  await here.width(390);
  await here.fits();
  await here.picture("cluster-narrow");
});
