/** Sees what is to start in the next 24 hours, finds the herd by the keyboard and its plans, and a change of plans. See `common.mjs`. */
import { walk } from "./common.mjs";

const HERD = 12;

/** A minute of each hour, as far from now as that is away: what is to come does not pass while one looks. */
const minute = (away) => new Date(Date.now() + away * 60_000).getUTCMinutes();

async function made(here) {
  await here.post("namespaces", { name: "nightly", job_parallelism_limit: 3 });
  const more = (spec) => ({ namespace: "nightly", periodic: { spec, time_zone: "UTC" } });
  await here.plan("hourly", "true", more(`${minute(30)} * * * *`));
  const at = new Date(Date.now() + 5 * 3_600_000);
  const spec = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  for (let number = 0; number < HERD; number++) await here.plan(`backup-${number}`, "true", more(spec));
}

await walk(async (here) => {
  const { page } = here;
  await made(here);
  await here.open("/ui/?namespace=nightly");
  await page.getByText(`${24 + HERD} starts by the schedules.`).waitFor();
  await page.locator("[data-herds='1']").waitFor();
  const strip = page.getByRole("application", { name: /next 24 hours/ });
  await strip.focus();
  await page.keyboard.press("h");
  await page.locator(".upcoming .tip", { hasText: "herd" }).waitFor();
  await here.picture("strip-herd");
  await page.keyboard.press("Enter");
  const due = page.getByRole("region", { name: "Plans of the chosen minute" });
  await due.getByText(`plans: ${HERD}`).waitFor();
  await due.getByText("Plans not shown: 2").waitFor();
  await here.picture("strip");
  await page.reload();
  await due.getByText(`plans: ${HERD}`).waitFor(); // the address has the minute
  await due.getByRole("button", { name: "Close" }).click();
  await due.waitFor({ state: "detached" });
  await strip.focus();
  await page.keyboard.press("h");
  await page.locator(".upcoming .tip", { hasText: "herd" }).waitFor();
  await page.keyboard.press("Enter");
  await due.getByText(`plans: ${HERD}`).waitFor();
  await here.width(390);
  await here.fits();
  await here.picture("strip-narrow");
  await here.width(1280);
  await here.theme("dark");
  await here.language("zh");
  await here.picture("strip-dark-zh");
  await here.language("en");
  await here.plan("late", "true", { namespace: "nightly", periodic: { spec: `${minute(40)} * * * *`, time_zone: "UTC" } });
  await page.getByText(`${48 + HERD} starts by the schedules.`).waitFor();
  await due.locator("a", { hasText: "backup-1" }).first().click();
  await page.waitForURL(/\/ui\/plans\/nightly\/backup-1/);
  await page.getByRole("heading", { level: 1 }).waitFor();
});
