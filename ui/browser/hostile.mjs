/**
 * Hostile texts in everything that a page shows, and addresses that nobody would write: nothing is run, nothing is turned
 * round, no page breaks. See `common.mjs`.
 */
import assert from "node:assert/strict";
import { HOSTILE, walk } from "./common.mjs";

/** Markup, an override of direction, and what templates, scripts and prototypes might take for theirs. */
const EVIL = `${HOSTILE}\u202eevil\u2066{n} {{7*7}} \${7*7} {constructor} javascript:alert(1) </script>`;
const TURNED = /[\u202a-\u202e\u2066-\u2069\u0000\u001b]/;
const OUTPUT = [
  "printf '\\033[31mred\\033[0m \\033]0;title\\007one\\rtwo\\000three \\377\\376 \\342\\200\\256turned\\n'",
  "head -c 3000000 /dev/zero | tr '\\000' x",
  "echo",
  `echo '${HOSTILE}'`,
  "echo the end",
].join("; ");

const NAMES = ["constructor", "__proto__", "%E0%A4%A", "..%2f..%2fnodes", "%00%E2%80%AEx"];
const ASKED = ["status", "executor", "plan", "namespace", "q", "run", "reason", "trigger", "node", "ticks", "from", "until", "by", "name", "last"];
const QUERIES = [
  ...["constructor", "__proto__", "%E0%A4%A%00%0a%E2%80%AE<script>"].map((value) => ASKED.map((name) => `${name}=${value}`).join("&")),
  "from=%2B275760-09-12T23:00:00Z&until=%2B275760-09-13T00:00:00Z",
  "from=9999-12-31T23:00:00Z&until=9999-12-31T23:59:59Z",
  "from=0001-01-01T00:00:00Z&until=0001-01-02T00:00:00Z",
  "last=1e999&from=NaN&until=-1",
  `q=${"x".repeat(3000)}`,
  "=&&&=x&status",
];

async function prepare(here) {
  const words = { name: EVIL, description: EVIL, owner: EVIL, labels: { constructor: EVIL, toString: EVIL } };
  await here.plan("constructor", OUTPUT, words);
  await here.plan("stuck", "true", { ...words, executor: "constructor", parameters: JSON.stringify({ x: EVIL }), periodic: { spec: "0 4 * * *" } });
  await here.plan("hold", "sleep 600", words);
  await here.post("plans/hold/pause", { namespace: "default", by: EVIL, note: EVIL });
  await here.post("namespaces", { name: "constructor", job_parallelism_limit: 3, description: EVIL });
  await here.post("nodes", { ID: "constructor", name: EVIL, secret_id: "s", data_center: EVIL, status: "ready", status_description: EVIL });
  await here.post("nodes/constructor/eligibility", { eligible: false, description: EVIL });
  await here.plan("flood", "head -c 11000000 /dev/zero | tr '\\000' x");
  const runs = { flood: await here.run("flood"), output: await here.run("constructor"), stuck: await here.run("stuck"), told: await here.run("hold"), live: await here.run("hold") };
  await here.page.goto(`${here.url}/ui/runs/${runs.told}`);
  await here.page.locator(".states", { hasText: "started" }).waitFor();
  await here.post(`jobs/${runs.told}/status`, { status: "failed", description: EVIL, result: `${EVIL}\u0000` });
  return runs;
}

/** Texts and names of controls as they are in the page. */
async function turned(page) {
  return page.evaluate((source) => {
    const wrong = new RegExp(source);
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) if (wrong.test(texts.currentNode.data)) found.push(texts.currentNode.data.slice(0, 120));
    for (const element of document.querySelectorAll("*"))
      for (const name of ["title", "aria-label", "aria-description", "placeholder"]) if (wrong.test(element.getAttribute(name) ?? "")) found.push(`${name} of ${element.tagName}`);
    return found;
  }, TURNED.source);
}

async function look(here, path) {
  const { page } = here;
  await page.goto(here.url + path);
  await here.phase("live");
  await page.locator("main :text-matches('^(Loading|加载中)')").first().waitFor({ state: "detached" });
  assert.equal(await page.getByText(/This page cannot be shown|无法显示此页面/).count(), 0, `${path} breaks the page`);
  assert.deepEqual(await turned(page), [], path);
  assert.equal(await page.locator("main :is(script, img, iframe)").count(), 0, `${path}: a text became markup`);
  assert.equal(await page.locator("a[href^='javascript:' i]").count(), 0, path);
}

await walk(async (here) => {
  const { page } = here;
  const { output, stuck, told, live, flood } = await prepare(here);
  await here.open(`/ui/runs/${output}`);
  await page.locator(".log", { hasText: "the end" }).waitFor();
  const shown = `x\n${HOSTILE.replaceAll("'", "")}\nthe end`;
  await here.until(async () => (await page.locator(".log").innerText()).includes(shown), "the end of the output is shown as it was written");
  const dropped = page.getByText("more than its agent keeps");
  assert.equal(await dropped.count(), 0);
  await here.open(`/ui/runs/${flood}`);
  await dropped.waitFor();
  await page.locator(".log", { hasText: "xxxx" }).waitFor();
  const pages = ["/ui/", "/ui/plans", "/ui/runs", "/ui/nodes", "/ui/cluster", "/ui/timeline"];
  const there = [
    ...["constructor", "stuck", "hold"].flatMap((id) => [`/ui/plans/default/${id}`, `/ui/plans/default/${id}?edit=1`]),
    ...[output, stuck, told, live].map((id) => `/ui/runs/${id}`),
    ...["/ui/nodes/constructor", "/ui/plans?new=1", `/ui/?run=${live}`, `/ui/timeline?run=${told}&by=node`, "/ui/?namespace=constructor"],
  ];
  const nowhere = NAMES.flatMap((name) => [`/ui/plans/${name}/${name}`, `/ui/runs/${name}`, `/ui/nodes/${name}`]);
  here.away = true; // what is not there answers 404, which the console says
  for (const language of ["zh", "en"]) {
    await here.language(language);
    for (const path of [...pages, ...there]) await look(here, path);
    await here.policy();
  }
  await look(here, "/ui/");
  await page.locator("[data-space=default] .stage").focus();
  await page.keyboard.press("Home");
  await page.locator(".tip", { hasText: "constructor" }).or(page.locator(".tip", { hasText: "hold" })).or(page.locator(".tip", { hasText: "stuck" })).waitFor();
  assert.deepEqual(await turned(page), []);
  await here.open("/ui/plans?new=1");
  for (const spec of ["constructor", "__proto__", "@toString", "TZ=constructor 0 0 * * *"]) {
    await page.getByLabel("Schedule (empty").fill(spec);
    await page.getByLabel("Schedule (empty").waitFor();
    assert.equal(await page.getByText("This page cannot be shown").count(), 0, `${spec} breaks the form`);
  }
  for (const path of nowhere) await look(here, path);
  await here.language("zh");
  for (const query of QUERIES) {
    // As a link within the page: each is drawn anew over what was there.
    for (const path of pages) {
      await page.evaluate((to) => {
        history.pushState(null, "", to);
        dispatchEvent(new PopStateEvent("popstate"));
      }, `${path}?${query}`);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
      assert.equal(await page.getByText("无法显示此页面").count(), 0, `${path}?${query} breaks the page`);
      assert.deepEqual(await turned(page), [], `${path}?${query}`);
    }
  }
  await here.phase("live");

  // An answer that no server of ours gives: its page says so in its place, and the others are there.
  await page.goto(`${here.url}/ui/runs`);
  await here.phase("live");
  await here.policy();
  await page.route(/schedule\/plans\?/, (route) => route.fulfill({ json: { data: [null] } }));
  await page.locator("nav a[href='/ui/plans']").click();
  const broken = page.getByRole("alert").filter({ hasText: "无法显示此页面" });
  await broken.waitFor();
  await page.unroute(/schedule\/plans\?/);
  await broken.getByRole("button").click();
  await page.getByRole("link", { name: "stuck", exact: true }).waitFor();
  await broken.waitFor({ state: "detached" });
  assert.ok(here.faults.some((fault) => fault.includes("TypeError")), "the console says what was wrong");
  here.faults.length = 0;
});
