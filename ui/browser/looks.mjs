/** Takes a picture of each page in each width, theme and language, for whoever changes how pages look: see `scripts/pictures --every`. */
import { walk } from "./common.mjs";

const WIDTHS = [1280, 1024, 768, 390];
const LOOKS = [
  { theme: "light", language: "en" },
  { theme: "dark", language: "zh" },
];

async function first(here, path) {
  const answer = await fetch(`${here.url}/v3/schedule/${path}`);
  return (await answer.json()).data?.[0] ?? {};
}

async function addresses(here) {
  const failed = (await first(here, "jobs?status=failed&limit=1")).id;
  const running = (await first(here, "jobs?plan_id=embeddings-train&limit=1")).id;
  const waiting = (await first(here, "jobs?plan_id=gpu-scoring&status=pending&limit=1")).id;
  const long = (await first(here, "plans?namespace=billing&limit=1")).id;
  const drained = (await first(here, "nodes?name=worker-us-1")).ID;
  return {
    map: "/ui/",
    "map-run": `/ui/?run=${running}`,
    "map-filter": "/ui/?q=features",
    plans: "/ui/plans",
    "plans-none": "/ui/plans?name=nothing-like-it",
    plan: "/ui/plans/data/orders-import",
    "plan-paused": "/ui/plans/default/reindex-search",
    "plan-long": `/ui/plans/billing/${long}`,
    "plan-none": "/ui/plans/billing/none",
    form: "/ui/plans?new=1",
    edit: `/ui/plans/billing/${long}?edit=1`,
    runs: "/ui/runs",
    "runs-long": "/ui/runs?q=x-run",
    "runs-none": "/ui/runs?q=nothing-like-it",
    "run-failed": `/ui/runs/${failed}`,
    "run-running": `/ui/runs/${running}`,
    "run-waiting": `/ui/runs/${waiting}`,
    timeline: "/ui/timeline?last=900000",
    "timeline-run": `/ui/timeline?last=900000&by=node&run=${running}`,
    "timeline-none": "/ui/timeline?q=nothing-like-it",
    nodes: "/ui/nodes",
    node: `/ui/nodes/${drained}`,
    cluster: "/ui/cluster",
    nowhere: "/ui/nowhere",
  };
}

/** What was loaded is shown, but for a stream that may say so for long. */
async function settled(page) {
  await page.locator("main :text-matches('^(Loading|加载中)')").first().waitFor({ state: "detached" });
  await page.waitForTimeout(250); // outcomes and charts come a moment later; nothing says when all have
}

await walk(async (here) => {
  const { page } = here;
  here.away = true; // what is not there answers 404, which the console says
  await here.open("/ui/");
  const pages = await addresses(here);
  const faults = [];
  for (const look of LOOKS) {
    await here.theme(look.theme);
    await here.language(look.language);
    for (const [name, path] of Object.entries(pages)) {
      await here.width(WIDTHS[0]);
      await here.open(path);
      await settled(page);
      for (const width of WIDTHS) {
        await here.width(width);
        await page.waitForTimeout(100); // what is painted follows the width a frame later
        await here.fits().catch((fault) => faults.push(`${name} ${look.language} ${width}: ${fault.message}`));
        await page.screenshot({ path: `${process.argv[4]}/${name}-${look.language}-${width}.png`, fullPage: true });
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join("\n"));
});
