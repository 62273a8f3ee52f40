/**
 * What every walk through the pages is made of: `node <walk>.mjs <url> <chromium> [folder for pictures]`.
 *
 * The server and an agent run already. What a walk cannot do itself it asks its caller for (`ask`): a line on stdout, answered
 * by a line on stdin. A walk ends with the line `done` and code 0 when everything was as it must be, else with the first fault
 * on stderr. Errors on the console, violations of the policy, dialogs and requests to elsewhere are faults of any walk.
 */
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
/** For each wait, in ms: a machine that has much else to do is no fault. */
const PATIENCE = 40_000;
const [url, executablePath, pictures] = process.argv.slice(2);

/** Runs `steps` with a Walk, in light colors, English and UTC at 1280 × 800, unless `more` (of a browser's context) says otherwise. */
export async function walk(steps, more = {}) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], timeout: 2 * PATIENCE });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", locale: "en-US", timezoneId: "UTC", ...more });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const here = new Walk(page);
  try {
    await here.watch();
    await steps(here);
    await here.policy();
    console.log("done");
  } catch (error) {
    console.error(error, { at: page.url(), faults: here.faults });
    await page.screenshot({ path: `${pictures ?? "."}/fault.png` }).catch(() => undefined);
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.destroy();
  }
}

class Walk {
  url = url;
  faults = [];
  /** Addresses besides the server's that may be asked. */
  ours = [];
  /** While the server is away, what the browser says of the network is no fault. */
  away = false;
  answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

  constructor(page) {
    this.page = page;
  }

  async watch() {
    const { page, faults } = this;
    page.on("console", (message) => {
      const network = message.text().includes("net::ERR_") || message.text().includes("Failed to load resource");
      if (message.type() === "error" && !(this.away && network)) faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("dialog", (dialog) => faults.push(`a dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      if (![url, ...this.ours].some((one) => request.url().startsWith(`${one}/`))) faults.push(`a request to ${request.url()}`);
    });
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
  }

  /** Calls the API, of another server than the page's where `server` is its address. */
  async post(path, body, server = url) {
    const answer = await fetch(`${server}/v3/schedule/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  }

  /** A running plan of the namespace `default` with a shell command. */
  async plan(id, command, more = {}) {
    const parameters = JSON.stringify({ command });
    return this.post("plans", { id, name: id, namespace: "default", type: "service", status: "running", executor: "shell", parameters, ...more });
  }

  /** Runs a plan now; the id of the run. */
  async run(id, server = url) {
    return (await this.post(`plans/${id}/run`, { namespace: "default" }, server)).data.id;
  }

  /** Asks the caller for something, and waits until it is done; what the caller says to it. */
  async ask(what) {
    console.log(what);
    return (await this.answers.next()).value;
  }

  /** Opens a path, and waits until the page is live. */
  async open(path) {
    await this.page.goto(url + path);
    await this.phase("live");
  }

  /** Waits until this holds, where nothing in the page can be waited for: it draws a moment after what it is told. */
  async until(holds, wanted) {
    for (const end = Date.now() + PATIENCE; !(await holds()); ) {
      assert.ok(Date.now() < end, `waited in vain: ${wanted}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until the address asks for this; null: for nothing by that name. */
  async asked(name, value) {
    await this.page.waitForURL((address) => address.searchParams.get(name) === value);
  }

  async phase(name) {
    await this.page.locator(`[data-phase=${name}]`).waitFor();
  }

  /** Waits until the map of the namespace `default` counts so many. */
  async counted(name, text) {
    await this.page.locator(`[data-space=default] [data-count=${name}] b:text-is("${text}")`).waitFor();
  }

  async picture(name) {
    if (pictures) await this.page.screenshot({ path: `${pictures}/${name}.png` });
  }

  /** `en` or `zh`, whatever it is now; kept for the pages that are opened next. */
  async language(word) {
    await this.page.locator("select:has(option[value=zh])").selectOption(word);
    await this.page.locator(`html[lang=${word}]`).waitFor();
  }

  /** `light` or `dark`, whatever it is now. */
  async theme(word) {
    await this.page.locator("select:has(option[value=dark])").selectOption(word);
    await this.page.locator(`html[data-theme=${word}]`).waitFor();
  }

  async width(pixels, height = 800) {
    await this.page.setViewportSize({ width: pixels, height });
    await this.until(() => this.page.evaluate((wanted) => innerWidth === wanted, pixels), `a screen of ${pixels} px`);
  }

  /** Nothing is wider than the screen, once what follows its width has. */
  async fits() {
    const fitting = () => this.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
    await this.until(fitting, `${this.page.url()} is no wider than the screen`);
  }

  /** No fault so far, nothing hostile was run, and the page's policy holds. */
  async policy() {
    const { page } = this;
    assert.ok(!(await page.title()).includes("owned"), "a hostile text was run");
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    assert.deepEqual(this.faults, []);
    const refused = await page.evaluate(() => {
      try {
        document.createElement("div").innerHTML = "<b>x</b>";
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(refused, "text can be turned into markup");
    await page.evaluate(() => {
      window.violations = []; // the one that was wanted
    });
    this.faults.length = 0;
    const polluted = await page.evaluate(() => {
      const found = [];
      for (const name in {}) found.push(name);
      return found;
    });
    assert.deepEqual(polluted, [], "every object has got something");
  }
}
