/** Sees the node and its load, takes it out of work, drains it in each way there is, and forgets it. See `common.mjs`. */
import { walk } from "./common.mjs";

await walk(async (here) => {
  const { page } = here;
  await here.plan("holds", "sleep 600");
  await here.run("holds");
  await here.open("/ui/nodes");
  await page.getByRole("link", { name: /^Load: 1 of / }).waitFor();
  for (const what of [/^Processors: .+ of .+ busy$/, /^Memory: .+ of .+ used$/, /^Disk: .+ of .+ used$/]) await page.getByRole("meter", { name: what }).waitFor();
  await here.fits();
  await here.picture("nodes");
  await page.locator(".nodes tbody a").first().click();
  await page.getByRole("link", { name: "holds" }).waitFor();
  await page.getByRole("meter", { name: /^Memory: .+ of .+ used$/ }).waitFor();
  const heard = page.locator("[data-heard] time");
  const first = await heard.getAttribute("datetime");
  await page.locator(`[data-heard] time:not([datetime="${first}"])`).waitFor(); // a beat later, without a reload
  await here.picture("node");
  const agree = (name) => page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  await page.getByRole("button", { name: "Give it no new work" }).click();
  await agree("Give it no new work");
  await page.getByRole("status").getByText("takes none").waitFor();
  await page.getByRole("button", { name: "Give it work" }).click();
  await agree("Give it work");
  await page.getByRole("status").getByText("takes new work").waitFor();
  await page.getByRole("button", { name: "Drain", exact: true }).click();
  await page.getByLabel(/Time until the deadline/).fill("30m");
  await here.picture("node-drain");
  await agree("Drain");
  await page.getByRole("status").getByText("draining: 1 of 1 runs left").waitFor();
  await page.getByRole("progressbar", { name: "draining: 1 of 1 runs left" }).waitFor();
  await page.getByRole("status").getByText("what is left is moved").waitFor();
  await page.getByRole("status").locator("time").waitFor();
  await here.picture("node-draining");
  await here.theme("dark");
  await here.picture("node-dark");
  await here.width(390);
  await here.fits();
  await here.picture("node-narrow");
  await here.language("zh");
  await here.picture("node-zh");
  await page.goto(`${here.url}/ui/nodes`);
  await page.getByRole("progressbar").waitFor();
  await here.fits();
  await here.picture("nodes-narrow");
  await here.language("en");
  await here.theme("light");
  await here.width(1280);
  await here.picture("nodes-draining");
  await page.locator(".nodes tbody a").first().click();
  const cancel = async (answer) => {
    await page.getByRole("button", { name: "Cancel the drain" }).click();
    if (answer) await page.getByRole("radio", { name: answer }).check();
    await agree("Cancel the drain");
  };
  await cancel(undefined);
  await page.locator("dialog:has(input[name=then]:invalid)").waitFor(); // it is not cancelled without an answer
  await here.picture("node-cancel");
  await page.getByRole("dialog").getByRole("button").first().click();
  await cancel("it takes none");
  await page.getByRole("status").getByText("takes none").waitFor();
  await page.getByRole("button", { name: "Drain", exact: true }).click();
  await agree("Drain");
  await page.getByRole("status").getByText("no deadline").waitFor();
  await cancel("it takes new work again");
  await page.getByRole("status").getByText("takes new work").waitFor();
  await page.getByRole("button", { name: "Drain now" }).click();
  await page.getByText("are not waited for").waitFor();
  await agree("Drain now");
  await page.getByText("It has no runs now.").waitFor();
  await page.getByRole("status").getByText("takes none").waitFor();
  await here.ask("agent stop");
  await page.getByRole("button", { name: "Forget it" }).click({ timeout: 60_000 }); // it may take its silence to know that it is down
  await agree("Forget it");
  await page.getByText("No agent is here").waitFor();
  await here.width(390);
  await here.fits();
});
