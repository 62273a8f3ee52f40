/**
 * Opens every page in light, dark, Chinese and at 390 px, with hostile texts wherever a text can be: axe finds no serious or
 * critical fault, nothing is wider than the screen, nothing hostile becomes markup, nothing of ours is left untranslated.
 *
 * Pages of the navigation are found by themselves; an address below them goes into `addresses`.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { HOSTILE, walk } from "./common.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const GRAVE = new Set(["serious", "critical"]);
/** What is the same in every language: names of ours and of others. */
const UNTRANSLATED = ["jobpool", "English", "API", "cron", "UTC", "ID", "CPU", "etcd", "SQLite", "Raft", "shell", "noop", "rest", "python", "default", "agent-1", "server"];

const NOTHING = /\/none$/;
const DIALOGS = /plans.default.(hold|paused)$|runs.[^?]+$|nodes.(?!none)[^?]+$/;

const LOOKS = [
  { name: "light", theme: "light", language: "en", width: 1280 },
  { name: "dark", theme: "dark", language: "en", width: 1280 },
  { name: "chinese", theme: "light", language: "zh", width: 1280 },
  { name: "narrow", theme: "dark", language: "zh", width: 390 },
];

/** Plans and runs of every kind; one run that goes on, and one that has failed. */
async function prepare(here) {
  const words = { name: HOSTILE, description: HOSTILE, owner: HOSTILE };
  await here.plan("hold", `echo ${JSON.stringify(HOSTILE)}; while :; do sleep 0.2; done`, {
    ...words,
    labels: { team: "<b>hostile</b>" },
    periodic: { spec: "0 4 * * *", time_zone: "Europe/Berlin" },
  });
  await here.plan("fails", `echo '<script>document.title="owned"</script>' >&2; exit 3`, words);
  await here.plan("works", "echo fine", words);
  await here.plan("paused", "true", { ...words, periodic: { spec: "*/5 * * * *", time_zone: "Asia/Shanghai" } });
  await here.post("plans/paused/pause", { namespace: "default", by: HOSTILE, note: HOSTILE });
  await here.post("namespaces", { name: "another", job_parallelism_limit: 40, description: HOSTILE });
  const held = await here.run("hold");
  await here.run("works");
  const nodes = await (await fetch(`${here.url}/v3/schedule/nodes`)).json();
  return { held, failed: await here.run("fails"), node: nodes.data[0].ID };
}

function addresses({ held, failed, node }) {
  return [`/ui/nodes/${node}`, "/ui/nodes/none", `/ui/timeline?by=node&run=${failed}`, `/ui/?run=${held}`, "/ui/?q=%3Cb%3E", "/ui/plans/default/hold", "/ui/plans/default/paused", "/ui/plans/default/none", "/ui/plans?new=1", "/ui/plans/default/hold?edit=1", `/ui/runs/${held}`, `/ui/runs/${failed}`, "/ui/nowhere"];
}

async function pagesOf(page) {
  return page.getByRole("navigation").first().locator("a[href^='/ui/']").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
}

/** What was loaded is shown: nothing says any more that it is loading. */
async function settled(page, path) {
  if (DIALOGS.test(path)) await page.locator("main p.buttons button").first().waitFor();
  if (NOTHING.test(path)) await page.locator("main .fault").first().waitFor();
  await page.locator("main :text-matches('^(Loading|加载中)')").first().waitFor({ state: "detached" });
}

/** What a button of the page asks, before it does something; it is not done. */
async function asked(page, where, look) {
  const buttons = page.locator("main p.buttons button");
  for (let at = 0; at < (await buttons.count()); at++) {
    await buttons.nth(at).click();
    await page.getByRole("dialog").waitFor();
    await accessible(page, `${where}, its dialog ${at + 1}`);
    if (look.language === "zh") await untranslated(page, `${where}, its dialog ${at + 1}`);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
}

async function accessible(page, where) {
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations);
  const grave = found.filter((one) => GRAVE.has(one.impact));
  const told = grave.map((one) => `${one.id} (${one.help}): ${one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
  assert.deepEqual(told, [], `${where}: axe finds faults`);
}

/** Names and headings of ours that have no Chinese letter in them. */
async function untranslated(page, where) {
  const left = await page.evaluate((same) => {
    const texts = [];
    for (const element of document.querySelectorAll("h1, h2, h3, th, dt, label, legend, button, option, caption, summary, nav a")) {
      if (element.closest("[lang=en], [translate=no]") || element.querySelector("code, pre, input, select, textarea")) continue;
      texts.push(element.textContent);
    }
    for (const element of document.querySelectorAll("[aria-label], [placeholder], [aria-description]"))
      for (const name of element.closest("[translate=no]") ? [] : ["aria-label", "placeholder", "aria-description"]) texts.push(element.getAttribute(name) ?? "");
    for (const element of document.querySelectorAll(".why li")) texts.push(element.textContent);
    const ours = (text) => same.reduce((rest, word) => rest.replaceAll(word, ""), text);
    return [...new Set(texts)].filter((text) => /[A-Za-z]{2}/.test(ours(text)) && !/[\u4e00-\u9fff]/.test(text));
  }, [...UNTRANSLATED, HOSTILE, "hold", "fails", "works", "paused", "none", "another"]);
  assert.deepEqual(left, [], `${where}: not in Chinese`);
}

/** Nothing of what was told became an element. */
async function plain(page, where) {
  assert.equal(await page.locator("main :is(script, img, b:text-is('hostile'))").count(), 0, `${where}: a text became markup`);
}

await walk(async (here) => {
  const { page } = here;
  await page.addInitScript({ path: AXE });
  await here.open("/ui/");
  await page.getByText("There is no plan yet").waitFor();
  await settled(page, "/ui/");
  await accessible(page, "an empty map");
  const runs = await prepare(here);
  await here.open(`/ui/runs/${runs.failed}`);
  await page.locator(".states", { hasText: "ended: failed" }).waitFor();
  const faults = [];
  for (const look of LOOKS) {
    await here.theme(look.theme);
    await here.language(look.language);
    await here.width(look.width);
    for (const path of [...(await pagesOf(page)), ...addresses(runs)]) {
      here.away = path.includes("/default/none"); // it answers 404, which the console says
      await here.open(path);
      await settled(page, path);
      const where = `${path} ${look.name}`;
      for (const check of [() => here.fits(), () => plain(page, where), () => accessible(page, where), () => look.language === "zh" && untranslated(page, where), () => DIALOGS.test(path) && asked(page, where, look)])
        try {
          await check();
        } catch (fault) {
          faults.push(fault.message);
        }
      await here.picture(`${look.name}${path.replaceAll(/[^a-z]+/g, "-")}`);
    }
  }
  here.away = false;
  assert.equal(faults.length, 0, faults.join("\n"));
});
