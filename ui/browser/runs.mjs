/** Finds runs among others by every filter, reads how one was placed, searches its output and saves it. See `common.mjs`. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { HOSTILE, walk } from "./common.mjs";

const ENDED = ["complete", "failed"];
const TRIED = (number) => ["placed on agent-1", "started", ...(number < 3 ? [`attempt ${number}: failed`] : [])];
const STATES = ["due", "created", ...TRIED(1), ...TRIED(2), ...TRIED(3), "ended: failed"];

async function ended(here, id) {
  const status = async () => (await (await fetch(`${here.url}/v3/schedule/jobs/${id}`)).json()).data.status;
  await here.until(async () => ENDED.includes(await status()), `${id} has ended`);
}

async function made(here) {
  const noisy = `for n in $(seq 1 30000); do echo "line $n of the output"; done; echo '${HOSTILE}'; echo Last Line`;
  await here.plan("noisy", noisy, { name: "Nightly report" });
  await here.plan("breaks", "echo attempt; exit 3", { retry: { attempts: 2, backoff: "1s" } });
  await here.plan("other", "true");
  const ids = {};
  for (const plan of ["noisy", "breaks", "other"]) ids[plan] = await here.run(plan);
  for (const id of Object.values(ids)) await ended(here, id);
  return ids;
}

async function filters(here, ids) {
  const { page } = here;
  const rows = (count) => page.locator(`[data-total="${count}"]`).waitFor();
  const only = async (id) => {
    await rows(1);
    await page.locator(`tbody a[href$="${id}"]`).waitFor();
    await page.locator("tbody tr").nth(1).waitFor({ state: "detached" });
  };
  await here.open("/ui/runs");
  await rows(3);
  const search = page.getByRole("searchbox");
  await search.fill("nightly REP");
  await search.press("Enter");
  await only(ids.noisy);
  await here.asked("q", "nightly REP");
  await page.reload();
  await only(ids.noisy);
  await page.getByRole("button", { name: "Clear" }).click();
  await rows(3);
  await page.getByLabel("Reason").selectOption("exit_nonzero");
  await only(ids.breaks);
  await page.getByLabel("Started by").selectOption("schedule");
  await rows(0);
  await page.getByText("No run matches.").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByLabel("Created from").fill("2030-01-01T00:00:00");
  await rows(0);
  await page.getByRole("button", { name: "Last hour" }).click();
  await rows(3);
  await page.locator("label.choice", { hasText: /^Node/ }).locator("select").selectOption({ index: 1 });
  await rows(3);
  await here.picture("runs");
  await page.getByRole("searchbox").pressSequentially("breaks");
  const later = await here.run("other");
  await page.getByRole("button", { name: "1 newer" }).waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "breaks", "what is being typed stays, whatever the stream tells");
  await page.getByRole("searchbox").fill("");
  await page.getByRole("button", { name: "1 newer" }).click();
  await page.locator(`tbody a[href$="${later}"]`).waitFor();
  await rows(4);
  await here.open("/ui/runs?status=failed,expired&q=other");
  await page.getByText("No run matches.").waitFor();
  await here.plan("other-fails", "exit 1");
  await here.run("other-fails");
  await page.getByRole("button", { name: "1 newer" }).click();
  await rows(1);
}

async function trace(here, ids) {
  const { page } = here;
  await here.open(`/ui/runs/${ids.breaks}`);
  const steps = page.locator(".trace");
  await steps.getByText("Attempt 3").waitFor();
  await steps.getByText("Exit code 3").nth(2).waitFor();
  await steps.locator("dd", { hasText: /^agent-1$/ }).nth(2).waitFor(); // all attempts name their node
  await page.locator(".logbar select").selectOption("1");
  await page.locator(".log", { hasText: "attempt" }).waitFor();
  await here.until(async () => (await page.locator(".states li > span").allTextContents()).join() === STATES.join(), `the states are ${STATES}`);
  assert.equal(await page.locator(".phases > .retrying").count(), 2, "two pauses between three attempts");
  await here.picture("run-trace");
}

/** Again with other parameters; beside the map it stays beside the map. */
async function again(here, ids) {
  const { page } = here;
  await here.open(`/ui/?run=${ids.noisy}`);
  await page.getByRole("button", { name: "Run again" }).click();
  const dialog = page.getByRole("dialog");
  assert.match(await dialog.getByRole("textbox").inputValue(), /seq 1 30000/);
  await dialog.getByRole("textbox").fill('{"command": "echo another time"}');
  await dialog.getByRole("button", { name: "Run again" }).click();
  await page.locator(".log", { hasText: "another time" }).waitFor();
  await page.waitForURL((address) => address.pathname === "/ui/");
  await page.getByRole("link", { name: ids.noisy }).click();
  await page.locator(`[data-run="${ids.noisy}"]`).waitFor();
}

async function output(here, ids) {
  const { page } = here;
  await here.open(`/ui/runs/${ids.noisy}`);
  await page.locator(".log", { hasText: "Last Line" }).waitFor();
  assert.equal(await page.locator(".log img, .log script").count(), 0);
  const search = page.getByRole("searchbox");
  await search.fill("line 2999");
  await page.locator("[data-found='10']", { hasText: "1 of 10" }).waitFor();
  await search.press("Enter");
  await page.getByText("2 of 10").waitFor();
  await page.getByRole("button", { name: "Previous place" }).click();
  await page.getByRole("button", { name: "Previous place" }).click();
  await page.getByText("10 of 10").waitFor();
  assert.equal(await page.locator(".log mark[aria-current]").innerText(), "line 2999");
  await here.picture("run-search");
  await search.fill("<script>");
  await page.locator("[data-found='1']").waitFor();
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), `${ids.noisy}.log`);
  const lines = (await readFile(await saved.path(), "utf8")).trimEnd().split("\n");
  assert.deepEqual([lines.length, lines[0], lines.at(-1)], [30002, "line 1 of the output", "Last Line"]);
}

async function looks(here, ids) {
  await here.language("zh");
  await here.theme("dark");
  await here.width(390);
  for (const [name, path] of Object.entries({ runs: "/ui/runs", run: `/ui/runs/${ids.breaks}`, output: `/ui/runs/${ids.noisy}` })) {
    await here.open(path);
    await here.page.locator(name === "runs" ? "tbody tr" : ".trace").first().waitFor();
    await here.fits();
    await here.picture(`${name}-narrow`);
  }
}

await walk(async (here) => {
  const ids = await made(here);
  await filters(here, ids);
  await trace(here, ids);
  await output(here, ids);
  await again(here, ids);
  await looks(here, ids);
});
