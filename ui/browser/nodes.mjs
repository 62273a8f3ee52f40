/** Sees the node and its load, takes it out of work and drains it, and gives it work again. See `common.mjs`. */
import { walk } from "./common.mjs";

await walk(async (here) => {
  const { page } = here;
  await here.plan("holds", "sleep 600");
  await here.run("holds");
  await here.open("/ui/nodes");
  await page.getByRole("link", { name: /^Load: 1 of / }).waitFor();
  await here.fits();
  await here.picture("nodes");
  await page.locator(".nodes tbody a").first().click();
  await page.getByRole("link", { name: "holds" }).waitFor();
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
  await page.getByRole("status").getByText("draining: 1 runs left").waitFor();
  await page.getByRole("button", { name: "Cancel the drain" }).click();
  await agree("Cancel the drain");
  await page.getByRole("status").getByText("takes new work").waitFor();
  await here.width(390);
  await here.fits();
});
