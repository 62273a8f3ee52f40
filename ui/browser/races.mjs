/** What others do while one looks, and what the network does meanwhile: nothing is done twice, or other than was meant. See `common.mjs`. */
import assert from "node:assert/strict";
import { walk } from "./common.mjs";

const HOLD = "while [ ! -e let-go ]; do sleep 0.1; done";

await walk(async (here) => {
  const { page } = here;
  const dialog = page.getByRole("dialog");
  const button = (name) => page.getByRole("button", { name });
  const answer = async (path) => (await fetch(`${here.url}/v3/schedule/${path}`)).json();
  const runsOf = async (plan) => (await answer(`jobs?plan_id=${plan}&pageNumber=1&pageSize=100`)).data ?? [];
  const gone = () => dialog.waitFor({ state: "detached" });

  /** The server does what it is asked, and its answer does not come back. */
  async function lost(path) {
    await page.route(path, async (route) => {
      await route.fetch();
      await route.abort();
    }, { times: 1 });
  }

  async function twice() {
    await here.plan("once", "true");
    await here.open("/ui/plans/default/once");
    await button("Run now").click();
    await dialog.getByRole("button", { name: "Run now" }).dblclick();
    await page.waitForURL(/\/ui\/runs\/\w+$/);
    await page.locator(".states", { hasText: "ended: complete" }).waitFor();
    assert.equal((await runsOf("once")).length, 1, "a double click is one run");
    await here.open("/ui/plans/default/once");
    await lost(/plans\/once\/run$/);
    here.away = true;
    await button("Run now").click();
    await dialog.getByRole("button", { name: "Run now" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByRole("button", { name: "Run now" }).click();
    await page.waitForURL(/\/ui\/runs\/\w+$/);
    await page.locator(".states", { hasText: "ended: complete" }).waitFor();
    assert.equal((await runsOf("once")).length, 2, "what was asked again as nobody answered is one run");
    await lost(/jobs\/\w+\/rerun$/);
    await button("Run again").click();
    await dialog.getByRole("button", { name: "Run again" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByRole("button", { name: "Run again" }).dblclick();
    await gone();
    await page.locator(".states", { hasText: "ended: complete" }).waitFor();
    assert.equal((await runsOf("once")).length, 3);
  }

  async function written() {
    await here.open("/ui/plans?new=1");
    await page.getByLabel("Id (empty").fill("");
    await page.getByLabel("Name (empty").fill("nameless");
    await page.getByLabel("Parameters").fill('{"command": "true"}');
    await page.locator("[data-valid=yes]").waitFor();
    await lost(/\/plans$/);
    await button("Add plan").click();
    await page.locator("[data-valid=no]").waitFor();
    await button("Add plan").dblclick();
    await page.waitForURL(/\/ui\/plans\/default\/\w+$/);
    assert.equal((await answer("plans?name=nameless")).data.length, 1, "one plan, though it was sent twice");
  }

  /** A dialog asks what it asked when it was opened, or is not there any more. */
  async function meant() {
    await here.plan("held", HOLD);
    const id = await here.run("held");
    await here.open(`/ui/runs/${id}`);
    await button("Cancel run").click();
    await dialog.waitFor();
    await here.post(`jobs/${id}/cancel`, {});
    await page.locator(".states", { hasText: "ended: cancelled" }).waitFor();
    await gone();
    assert.equal((await runsOf("held")).length, 1);
    await here.open("/ui/plans/default/held");
    await button("Pause").click();
    await dialog.waitFor();
    await here.post("plans/held/pause", { namespace: "default", by: "somebody else" });
    await gone();
    await button("Resume").click();
    await dialog.getByRole("button", { name: "Resume" }).click();
    await button("Pause").waitFor();
  }

  async function taken() {
    await here.plan("brief", "true");
    await here.post("namespaces", { name: "brief", job_parallelism_limit: 2 });
    await here.post("nodes", { ID: "brief", name: "brief", secret_id: "s", data_center: "d", status: "down" });
    const remove = (path) => fetch(`${here.url}/v3/schedule/${path}`, { method: "DELETE" }).then((told) => assert.ok(told.ok));
    await here.open("/ui/");
    await page.locator("[data-space=brief]").waitFor();
    await remove("namespaces/brief");
    await page.locator("[data-space=brief]").waitFor({ state: "detached" });
    await here.open("/ui/nodes/brief");
    await button("Forget").click();
    await remove("nodes/brief");
    await page.getByText("This node is not there").waitFor();
    await gone();
    await here.open("/ui/plans/default/brief?edit=1");
    await page.getByLabel("Owner").fill("me");
    await page.locator("[data-valid=yes]").waitFor();
    await here.post("plans/brief/offline", { namespace: "default" });
    await remove("plans/brief?namespace=default");
    await button("Save").click();
    await page.getByRole("alert").waitFor();
    await here.open("/ui/plans/default/once");
    await here.post("plans/once/offline", { namespace: "default" });
    await remove("plans/once?namespace=default");
    await page.locator("main .fault").waitFor();
    await button("Run now").waitFor({ state: "detached" });
  }

  /** Another server is there under the same address, which knows nothing of what the page shows. */
  async function emptied() {
    const id = await here.run("held");
    await here.open(`/ui/?run=${id}`);
    await here.counted("running", "1");
    await page.evaluate(() => (window.same = true));
    await here.ask("server emptied");
    // The server waits a while for a place that it never was at; the agent of the other cluster keeps to that.
    await page.getByText("No agent is here").waitFor({ timeout: 45_000 });
    await here.counted("running", "0");
    await page.locator("[data-run] > .fault").waitFor();
    await button("Cancel run").waitFor({ state: "detached" }); // what is not known cannot be cancelled
    await here.phase("live");
    await here.plan("anew", HOLD);
    await here.run("anew");
    await here.counted("waiting", "1");
    assert.equal(await page.evaluate(() => window.same), true, "the page was not loaded anew");
    await page.getByRole("navigation").getByRole("link", { name: "Plans" }).click();
    await page.getByRole("link", { name: "anew", exact: true }).waitFor();
    await page.getByRole("link", { name: "held", exact: true }).waitFor({ state: "detached" });
  }

  await twice();
  await written();
  await meant();
  await taken();
  await emptied();
});
