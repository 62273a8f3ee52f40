/** Looks at runs over time: bars that come and grow live, zooming and moving by keys, wheel and hand, by plan and by node. See `common.mjs`. */
import assert from "node:assert/strict";
import { HOSTILE, walk } from "./common.mjs";

const bars = (page, count) => page.locator(`[data-bars="${count}"][data-loading=false]`).waitFor();
const spanOf = (page) => {
  const asked = new URL(page.url()).searchParams;
  return [Date.parse(asked.get("from")), Date.parse(asked.get("until"))];
};
/** Waits until the address names a span for which this holds. */
const span = (page, holds) => page.waitForURL((url) => holds(...["from", "until"].map((name) => Date.parse(url.searchParams.get(name)))));

async function live(here) {
  const { page } = here;
  await here.open("/ui/timeline");
  await bars(page, 0);
  await page.getByText("Nothing waited or ran").waitFor();
  await here.plan("hold", "while :; do sleep 0.2; done", { name: HOSTILE });
  const held = await here.run("hold");
  await bars(page, 1);
  await here.run("hold");
  await page.getByText("2 runs in 1 lanes").waitFor();
  await here.plan("quick", "true");
  await here.run("quick");
  await page.getByText("3 runs in 2 lanes").waitFor();
  return held;
}

async function keys(here, held) {
  const { page } = here;
  const lanes = page.getByRole("application");
  await lanes.focus();
  await page.keyboard.press("n");
  await page.locator(".lanes .tip b", { hasText: "hold" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[data-run]").waitFor();
  await page.waitForURL((url) => url.searchParams.get("run"));
  await page.getByRole("button", { name: "Close" }).click();
  await lanes.focus();
  await page.keyboard.press("+");
  await span(page, (from, until) => until > from);
  const [from, until] = spanOf(page);
  await page.keyboard.press("ArrowLeft");
  await span(page, (first) => first < from);
  await page.keyboard.press("ArrowRight");
  await span(page, (first) => first === from);
  await page.keyboard.press("-");
  await span(page, (first, last) => last - first > 1.9 * (until - from));
  await page.reload();
  await bars(page, 3);
  await page.locator("label.choice", { hasText: /^Lanes/ }).locator("select").selectOption("node");
  await page.getByText("3 runs in 1 lanes").waitFor();
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.waitForURL((url) => !url.searchParams.has("from"));
  await bars(page, 3);
  return held;
}

async function hand(here) {
  const { page } = here;
  const box = await page.locator(".lanes .scroll").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + 60];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 100, y, { steps: 4 });
  await page.mouse.up();
  await span(page, (from, until) => until > from);
  const [from, until] = spanOf(page);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -300);
  await page.keyboard.up("Control");
  await span(page, (first, last) => last - first < until - from);
}

async function ends(here, held) {
  const { page } = here;
  await here.open("/ui/timeline?last=900000&status=cancelled");
  await bars(page, 0);
  await here.post(`jobs/${held}/cancel`, {});
  await bars(page, 1);
  await here.open("/ui/timeline?q=QUI&last=900000");
  await bars(page, 1);
  await page.getByRole("searchbox").press("End");
  await page.getByRole("searchbox").pressSequentially("CK NOT");
  const clock = await page.locator(".moves time").last().getAttribute("datetime");
  await page.locator(`.moves time:last-of-type:not([datetime="${clock}"])`).waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "QUICK NOT", "what is being typed stays when the page is drawn anew");
  await page.getByRole("searchbox").press("Enter");
  await bars(page, 0);
  await page.getByRole("searchbox").fill("qui");
  await page.getByRole("searchbox").press("Enter");
  await bars(page, 1);
  await page.getByRole("link", { name: "As a list" }).click();
  await page.locator('[data-total="1"]').waitFor();
}

/** More runs end than the page remembers the ends of, and none is forgotten; their times are in the zone of their plan. */
async function crowd(here) {
  const { page } = here;
  await here.open("/ui/timeline?plan=many");
  await bars(page, 0);
  await here.plan("many", "", { executor: "noop", parameters: "{}", periodic: { spec: "0 4 1 1 *", time_zone: "Asia/Kolkata" } });
  for (let made = 15; made <= 120; made += 15) {
    await Promise.all(Array.from({ length: 15 }, () => here.run("many")));
    await bars(page, made);
  }
  await page.locator('.moves time[title="Asia/Kolkata"]', { hasText: "+05:30" }).first().waitFor();
  await page.getByRole("application").focus();
  await page.keyboard.press("p");
  await page.locator('.lanes .tip time[title="Asia/Kolkata"]').waitFor();
}

async function looks(here) {
  const { page } = here;
  await here.open("/ui/timeline?last=900000");
  await bars(page, 3);
  await here.picture("timeline");
  await here.language("zh");
  await here.theme("dark");
  await here.width(390);
  await here.open("/ui/timeline?last=900000&by=node");
  await bars(page, 3);
  await here.fits();
  await here.picture("timeline-narrow");
}

await walk(async (here) => {
  const held = await live(here);
  await keys(here, held);
  await hand(here);
  await ends(here, held);
  await looks(here);
  await crowd(here);
});
