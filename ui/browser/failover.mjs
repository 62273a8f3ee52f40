/** A cluster's leader is killed while the page is open, at a follower or at the killed server itself: see `common.mjs`. */
import assert from "node:assert/strict";
import { walk } from "./common.mjs";

const LONG = 60_000; // agents find another server, another server leads
const HOLD = "while :; do sleep 0.2; done";

/** Waits until so many live runs on the map are of a plan; undefined: nothing is looked for. */
async function found(page, plan, count) {
  await page.getByRole("searchbox").fill(plan);
  if (count === undefined) await page.locator("[data-found]").waitFor({ state: "detached" });
  else await page.locator(`[data-found="${count}"]`).waitFor();
}

await walk(async (here) => {
  const { page } = here;
  page.setDefaultTimeout(LONG);
  await here.open("/ui/");
  await page.evaluate(() => (window.same = true));
  await here.plan("first", HOLD);
  await here.plan("second", HOLD);
  await here.plan("third", HOLD);
  const first = await here.run("first");
  await here.counted("running", "1");

  here.away = true;
  const other = await here.ask("the leader dies"); // a server that lives
  if (other !== here.url) {
    await here.phase("lost");
    await page.getByRole("alert").waitFor();
  }
  await here.post(`jobs/${first}/cancel`, {}, other);
  await here.run("second", other);
  await here.ask("it comes back");
  await here.phase("live");
  await page.getByRole("alert").waitFor({ state: "detached" });
  here.away = false;

  await here.counted("running", "1");
  await here.counted("waiting", "0");
  await found(page, "second", 1);
  await found(page, "first", 0);
  await found(page, "", undefined);
  await here.run("third");
  await here.counted("running", "2");
  await here.phase("live");
  assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");
});
