/** Plans: written, tried, run and cancelled; changed by two people at once; paused, and asked why; see `common.mjs`. */
import assert from "node:assert/strict";
import { HOSTILE, walk } from "./common.mjs";

await walk(async (here) => {
  const { page } = here;
  const dialog = page.getByRole("dialog");
  const said = (text) => page.locator("[data-valid=no]", { hasText: text }).waitFor();

  async function create() {
    await here.open("/ui/plans");
    await page.getByRole("link", { name: "New plan" }).click();
    here.away = true; // what the server refuses, the browser tells too
    await page.getByLabel("Id (empty").fill("sleeper");
    await page.getByLabel("Description").fill(HOSTILE);
    await said("parameters");
    assert.equal(await page.getByLabel("Parameters").getAttribute("aria-invalid"), "true");
    await page.getByLabel("Parameters").fill('{"command": "echo awake; while [ ! -e never ]; do sleep 0.1; done"}');
    await page.locator("[data-valid=yes]").waitFor();
    await page.getByLabel("Schedule (empty").fill("0 0 30 2 *");
    await said("periodic.spec");
    assert.equal(await page.getByLabel("Schedule (empty").getAttribute("aria-invalid"), "true");
    await page.getByLabel("Schedule (empty").fill("30 2 L 3,10 *");
    await page.getByText("On the last day of the month at 02:30, in March and October").waitFor();
    await page.getByLabel("Time zone").fill("Europe/Berlin");
    await page.locator("[data-valid=yes]").waitFor();
    await page.locator(".fires li").nth(7).waitFor();
    await page.getByLabel("Schedule (empty").fill("30 2 25-31 3 SUN");
    await page.getByText("Day of month and day of week").waitFor({ state: "hidden" });
    await page.locator("summary", { hasText: "Bounds" }).click();
    await page.getByLabel("Day of month and day of week").selectOption("all");
    await page.locator(".fires mark", { hasText: "the clock goes forward" }).first().waitFor();
    await page.locator("summary", { hasText: "More" }).click();
    await page.getByLabel("Retries").fill("2");
    await refusedOnce(page.getByLabel("Labels"), "team=night\nno label=x", "labels", "team=night\nsystem=a=b");
    await refusedOnce(page.getByLabel("Labels"), "team=night\nteam=day", "The label team is there twice", "team=night\nsystem=a=b");
    await refusedOnce(page.getByLabel("Retried only after"), "bad luck", "retry.on", "timeout, exit_nonzero");
    await refusedOnce(page.getByLabel("Late ticks, how many"), "0", "catch_up.max_runs", "7");
    await here.picture("plan-new");
    await page.getByRole("button", { name: "Add plan" }).click();
    await page.waitForURL(/\/ui\/plans\/default\/sleeper$/);
    await page.getByText(HOSTILE).waitFor();
    await page.locator(".facts", { hasText: "echo awake" }).getByText("team=night").waitFor();
    await page.getByText("2, first after 10s, then at most 1h apart · only after timeout, exit_nonzero").waitFor();
  }

  /** What is refused is said at the field; then it is mended. */
  async function refusedOnce(field, wrong, word, right) {
    await field.fill(wrong);
    await said(word);
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await field.fill(right);
    await page.locator("[data-valid=yes]").waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "false");
  }

  /** What is in the fold comes back in it, and what is emptied there is gone. */
  async function more() {
    await page.goto(`${here.url}/ui/plans/default/sleeper?edit=1`);
    await page.locator("summary", { hasText: "More" }).click();
    assert.equal(await page.getByLabel("Labels").inputValue(), "system=a=b\nteam=night");
    assert.equal(await page.getByLabel("Retried only after").inputValue(), "timeout, exit_nonzero");
    await page.getByLabel("Labels").fill("team=day");
    await page.getByLabel("Retried only after").fill("");
    await page.getByLabel("How a node is chosen").selectOption("spread");
    await page.locator("[data-valid=yes]").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".changed", { hasText: "changed last" }).waitFor();
    const told = await (await fetch(`${here.url}/v3/schedule/plans/sleeper?namespace=default`)).json();
    assert.deepEqual(told.data.labels, { team: "day" });
    assert.deepEqual([told.data.strategy, told.data.retry.on ?? [], told.data.catch_up.max_runs], ["spread", [], 7]);
  }

  /** No column is cut at this width. */
  async function whole(width) {
    await here.width(width);
    await here.until(() => page.locator(".rows").evaluate((box) => box.scrollWidth <= box.clientWidth), `the table has room in ${width} px`);
    await here.picture(`plans ${width}`);
  }

  async function runAndCancel() {
    await page.getByRole("button", { name: "Run now" }).click();
    assert.match(await dialog.getByRole("textbox").inputValue(), /echo awake/, "it begins with the plan's parameters");
    await dialog.getByRole("textbox").fill("nonsense");
    await dialog.getByRole("button", { name: "Run now" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByRole("textbox").fill('{"command": "echo with its own; while [ ! -e never ]; do sleep 0.1; done"}');
    await dialog.getByRole("button", { name: "Run now" }).click();
    await page.waitForURL(/\/ui\/runs\/\w+$/);
    await page.locator(".log", { hasText: "with its own" }).waitFor();
    await page.getByRole("button", { name: "Cancel run" }).click();
    await dialog.getByRole("button", { name: "Cancel run" }).click();
    await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
  }

  /** What the table says of it changes by itself when runs end. */
  async function table() {
    here.away = false;
    await here.plan("steady", "true", { periodic: { spec: "0 3 * * *", time_zone: "Asia/Tokyo" } });
    await page.getByRole("navigation").getByRole("link", { name: "Plans" }).click();
    const row = page.locator("tbody tr", { has: page.getByRole("link", { name: "steady", exact: true }) });
    await row.getByText("Every day at 03:00").waitFor();
    await row.getByText("none has ended yet").waitFor();
    await here.run("steady");
    await row.getByRole("img", { name: "1 of the last 1 complete" }).waitFor();
    await here.run("steady");
    await row.getByRole("img", { name: "2 of the last 2 complete" }).waitFor();
    await row.getByText("100%").waitFor();
    await page.locator("tbody tr", { hasText: "sleeper" }).getByRole("img", { name: "the newest: cancelled" }).waitFor();
    const long = "a-plan-with-a-name-as-long-as-people-write-them-when-they-can";
    await here.plan(long, "sleep 1.1", { periodic: { spec: "0,15,30,45 3-5,9-17 1-7 1,4,7,10 MON", time_zone: "America/Argentina/Buenos_Aires" } });
    await here.run(long);
    await page.locator("tbody tr", { has: page.getByRole("link", { name: long }) }).getByText("100%").waitFor();
    await found();
    for (const width of [1920, 1280]) await whole(width);
  }

  /** The server finds them by a part of id or name, by label and by state. */
  async function found() {
    const total = (count) => page.locator(`[data-total="${count}"]`).waitFor();
    const row = (name) => page.locator("tbody").getByRole("link", { name, exact: true }).waitFor();
    await total(3);
    const first = () => page.locator("tbody tr").first().locator("a").first();
    await page.getByRole("button", { name: "Name" }).press("Enter");
    await page.getByRole("columnheader", { name: "Name" }).and(page.locator("[aria-sort=ascending]")).waitFor();
    await first().and(page.getByText("a-plan-with-a-name")).waitFor();
    await page.getByRole("button", { name: "Next run" }).press("Enter");
    await page.locator("th[aria-sort=ascending]", { hasText: "Next run" }).waitFor();
    const times = () => page.locator("[data-head='Next run'] time").evaluateAll((all) => all.map((time) => time.dateTime));
    const sorted = (all) => all.length === 3 && all.join() === all.toSorted().join();
    await here.until(async () => sorted(await times()), "the next runs are in order");
    await page.getByRole("button", { name: "Next run" }).press("Enter");
    await page.locator("th[aria-sort=ascending]").waitFor({ state: "detached" });
    await page.getByRole("searchbox").pressSequentially("STEA ");
    await total(1);
    assert.equal(await page.getByRole("searchbox").inputValue(), "STEA ", "what is asked for leaves what is being typed");
    await row("steady");
    await page.reload();
    await total(1);
    await page.getByRole("button", { name: "Clear" }).click();
    await total(3);
    await page.getByLabel("Label").fill("team=day");
    await page.keyboard.press("Enter");
    await total(1);
    await row("sleeper");
    await page.getByRole("button", { name: "Clear" }).click();
    await total(3);
    await here.post("plans/steady/pause", { namespace: "default", note: "to be found" });
    await page.getByRole("combobox", { name: "Status" }).selectOption("paused");
    await total(1);
    await row("steady");
    await here.post("plans/steady/resume", { namespace: "default" });
    await total(0);
    await page.getByText("No plan matches.").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await total(3);
  }

  /** Two change it at once: the second is told, loads it anew, and loses nothing of what was written. */
  async function conflict() {
    await page.getByRole("link", { name: "steady", exact: true }).click();
    await page.getByRole("link", { name: "Edit" }).click();
    here.away = true;
    await page.getByLabel("Owner").fill("night shift");
    await page.locator("[data-valid=yes]").waitFor();
    await here.post("plans/steady", { namespace: "default", description: "by somebody else" });
    await page.getByRole("alert").getByText("changed this plan meanwhile").waitFor();
    await page.getByRole("button", { name: "Load it anew" }).click();
    await page.getByRole("alert").waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Description").inputValue(), "by somebody else");
    assert.equal(await page.getByLabel("Owner").inputValue(), "night shift");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(/\/ui\/plans\/default\/steady$/);
    await page.getByText("night shift").waitFor();
    await page.getByText("by somebody else").waitFor();
  }

  async function whyNot() {
    await here.plan("quick", "true", { periodic: { spec: "@every 1s" } });
    await page.goto(`${here.url}/ui/plans/default/quick`);
    await page.locator(".ledger tbody tr", { hasText: "complete" }).first().waitFor();
    await page.locator(".ledger small", { hasText: "Whole since" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await dialog.getByRole("textbox").fill("to see why");
    await dialog.getByRole("combobox").selectOption("8");
    await dialog.getByRole("button", { name: "Pause" }).click();
    await page.locator("q", { hasText: "to see why" }).waitFor();
    await page.locator(".why .blocks").first().waitFor();
    await page.locator(".fires li").first().waitFor();
    await page.waitForTimeout(2500); // that ticks are due meanwhile: nothing tells of them while it is paused
    await page.getByRole("button", { name: "Resume" }).click();
    await dialog.getByRole("button", { name: "Resume" }).click();
    await page.locator(".ledger tbody tr", { hasText: "The plan was paused." }).waitFor();
    await page.getByLabel("Show").selectOption("not");
    await page.locator(".ledger tbody tr", { hasText: "complete" }).first().waitFor({ state: "detached" });
    await here.picture("plan");
  }

  async function remove() {
    await page.getByRole("button", { name: "Take offline" }).click();
    await dialog.getByRole("button", { name: "Take offline" }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    await dialog.getByText("Its runs stay in history").waitFor();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.waitForURL(/\/ui\/plans$/);
    await page.getByRole("link", { name: "steady", exact: true }).waitFor();
    await page.getByRole("link", { name: "quick", exact: true }).waitFor({ state: "detached" });
  }

  async function looks() {
    await here.language("zh");
    await page.getByText("每天 03:00").waitFor();
    await here.theme("dark");
    await here.width(390);
    for (const path of ["/ui/plans", "/ui/plans/default/steady", "/ui/plans?new=1", "/ui/plans/default/steady?edit=1"]) {
      await here.open(path);
      await page.locator(path.includes("?") ? ".plan-form" : "h1").first().waitFor();
      await here.fits();
      const short = page.getByRole("link", { name: "steady", exact: true });
      if (path === "/ui/plans") await here.until(() => short.evaluate((link) => link.scrollWidth <= link.clientWidth), "a short name is not cut");
      await here.picture(`narrow ${path.replace(/\W+/g, "-")}`);
    }
  }

  await create();
  await more();
  await runAndCancel();
  await table();
  await conflict();
  await whyNot();
  await remove();
  await looks();
});
