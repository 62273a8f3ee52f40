/** `node ui/bench/tab.mjs <chromium> <url of a page>`: when a tab is live, what it has received by then, and what it holds. */
import { chromium } from "playwright-core";

const [executablePath = "/usr/bin/chromium", url = "http://127.0.0.1:2379/ui/"] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
try {
  const page = await browser.newPage();
  const inside = await page.context().newCDPSession(page);
  await inside.send("Network.enable");
  let received = 0;
  inside.on("Network.dataReceived", (event) => {
    received += event.encodedDataLength || event.dataLength; // a stream that goes on has no encoded length yet
  });
  const begun = performance.now();
  await page.goto(url);
  await page.locator("[data-phase=live]").waitFor({ timeout: 300_000 });
  const live = performance.now() - begun;
  await inside.send("HeapProfiler.collectGarbage");
  const { usedSize } = await inside.send("Runtime.getHeapUsage");
  console.log(`live after ${live.toFixed(0)} ms, ${(received / 1e6).toFixed(1)} MB received, ${(usedSize / 1e6).toFixed(1)} MB held`);
} finally {
  await browser.close();
}
