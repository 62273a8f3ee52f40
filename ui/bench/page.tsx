/** The real page over a made-up cluster: how long from what the stream said to what the canvas shows. */
import "../src/style.css";
import { render } from "preact";
import type { Change } from "../src/api/types";
import { store } from "../src/live";
import type { ServerEvent } from "../src/live/events";
import { ask } from "../src/route";
import { Shell } from "../src/views/Shell";

const SLOTS = 100_000;
const CHANGES = 1_000;
const ROUNDS = 30;
const id = (number: number) => `01K${String(number).padStart(23, "0")}`;

function event(change: Change, place?: string): ServerEvent {
  return { name: change.kind, data: JSON.stringify(change), id: place };
}

function job(number: number, status: "pending" | "running", place?: string): ServerEvent {
  const text = { id: id(number), plan_id: `plan-${number % 500}`, name: "a plan", namespace: "default", status, executor: "shell" };
  const times = { create_time: "2026-11-22T22:00:00Z", scheduled_time: "2026-11-22T22:00:00Z", time_zone: "Europe/Berlin" };
  return event({ kind: "job", action: "set", namespace: "default", id: id(number), job: { ...text, ...times } }, place);
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** The pixels at the middle of a slot: forces what was asked of the canvas to be done. */
function pixel(slot: number): string {
  const canvas = document.querySelector<HTMLCanvasElement>("[data-space=default] canvas");
  const brush = canvas?.getContext("2d", { willReadFrequently: true });
  if (!canvas || !brush || canvas.width < 10) return "";
  const columns = canvas.clientWidth / 2; // the smallest slots there are
  const x = (slot % columns) * 2 + 1;
  const y = Math.floor(slot / columns) * 2 + 1;
  return [...brush.getImageData(x, y, 1, 1).data].join();
}

async function until(holds: () => boolean): Promise<number> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > 20_000) throw new Error("the map does not show it");
    await frame();
  }
  return performance.now();
}

async function measure(): Promise<Record<string, number>> {
  const space: Change = { kind: "namespace", action: "set", namespace: "default", id: "default", namespace_item: { name: "default", job_parallelism_limit: SLOTS } };
  const all = [event(space)];
  for (let number = 0; number < SLOTS; number++) all.push(job(number, number % 3 ? "running" : "pending"));
  const begun = performance.now();
  store.begin(true);
  for (let at = 0; at < all.length; at += 200) store.take(all.slice(at, at + 200));
  store.take([{ name: "", data: "", id: "1.1.0" }]);
  const folded = performance.now();
  render(<Shell />, document.getElementById("app") as HTMLElement);
  await until(() => /^[1-9]/.test(pixel(SLOTS - 1)));
  await frame();
  const shown = performance.now();
  const plainly = await rounds(2);
  const before = pixel(SLOTS - 1);
  const typed = performance.now();
  ask({ q: "PLAN-1" });
  await until(() => pixel(SLOTS - 1) !== before);
  await frame();
  const found = performance.now();
  const filtered = await rounds(2 + ROUNDS);
  return {
    "fold 100,000 runs": folded - begun,
    "first drawn": shown - folded,
    "1,000 changes, median": plainly(0.5),
    "1,000 changes, worst": plainly(1),
    filtered: found - typed,
    "filtered, 1,000 changes, median": filtered(0.5),
  };
}

/** How long rounds of changes take from what is told to what is shown; a quantile of them. */
async function rounds(first: number): Promise<(part: number) => number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await frame();
    const status = round % 2 ? "running" : "pending";
    const changes = Array.from({ length: CHANGES }, (_, at) => job(at * 99, status, `1.${round + first}.${at}`));
    await frame();
    await frame();
    await frame();
    const before = pixel(99 * (CHANGES - 1));
    const told = performance.now();
    store.take(changes);
    if (round === 0) continue; // from here on each round changes what the one before said
    await until(() => pixel(99 * (CHANGES - 1)) !== before);
    await frame(); // what is drawn is shown with the next one
    rounds.push(performance.now() - told);
  }
  rounds.sort((one, other) => one - other);
  return (part) => rounds[Math.min(rounds.length - 1, Math.floor(rounds.length * part))] as number;
}

declare global {
  interface Window {
    measured: Promise<Record<string, number>>;
  }
}
window.measured = measure();
