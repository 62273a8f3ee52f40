/** The streams of a page are cut at every place, in the middle of letters too: what it shows is right in the end. See `common.mjs`. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { walk } from "./common.mjs";

const HOLD = "while [ ! -e let-go ]; do sleep 0.1; done";
const CUTS = 40;
const MOST_RUNS = 200;
/** How long the page is waited for after each run, in ms: it may be much slower than the server. */
const PAUSE = 1000;
const KEPT = 5;
const NAME = "夜间报表 — שלום 👩‍👧";

/** Passes everything on; each stream of changes is cut after some bytes, a few more each time. */
async function torn(url) {
  const { hostname, port } = new URL(url);
  let most = 40;
  let cuts = 0;
  const whole = () => cuts >= CUTS;
  /** Until a stream is cut, or for a while: no cut may come of what there is to tell. */
  const cut = async () => {
    const before = cuts;
    for (const end = Date.now() + PAUSE; cuts === before && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const server = createServer((asked, told) => {
    const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (answer) => {
      told.writeHead(answer.statusCode, answer.headers);
      if (whole() || !asked.url.includes("/watch?")) return void answer.pipe(told);
      let left = (most = Math.ceil(most * 1.12));
      answer.on("data", (piece) => {
        told.write(piece.subarray(0, left));
        left -= piece.length;
        if (left > 0) return;
        cuts++;
        passed.destroy();
        told.socket?.destroySoon();
      });
      answer.on("end", () => told.end());
    });
    passed.on("error", () => told.destroy());
    told.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, whole, cut, close: () => server.close() };
}

await walk(async (here) => {
  const { page } = here;
  const proxy = await torn(here.url);
  here.ours.push(proxy.url);
  here.away = true;
  await here.plan("held", HOLD, { name: NAME });
  await here.plan("quick", "true", { name: NAME });
  await page.addInitScript(() => setInterval(() => dispatchEvent(new Event("online")), 50)); // no waiting between the tries
  await page.goto(`${proxy.url}/ui/?q=${encodeURIComponent(NAME)}`);
  const ids = [];
  let runs = 0;
  while (!proxy.whole()) {
    assert.ok(runs++ < MOST_RUNS, "the streams are not cut any more");
    ids.push(await here.run("held"));
    await here.run("quick");
    if (ids.length > KEPT) await here.post(`jobs/${ids.shift()}/cancel`, {});
    await proxy.cut();
  }
  await here.counted("running", String(ids.length));
  await here.counted("waiting", "0");
  await page.locator(`[data-found="${ids.length}"]`).waitFor();
  await page.locator(".ended li").first().waitFor();
  assert.equal(await page.locator("main :text('\ufffd')").count(), 0, "a letter was cut in two");
  proxy.close();
});
