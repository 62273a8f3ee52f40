/** The one store and the one stream of this page. */
import { effect, signal } from "@preact/signals";
import { attended } from "./attention";
import { Store } from "./store";
import { type Phase, Stream } from "./stream";

/** With the next frame; a page that nobody looks at gets none, and is told a little later. */
function nextFrame(run: () => void): void {
  if (document.hidden) setTimeout(run, 200);
  else requestAnimationFrame(run);
}

export const store = new Store(nextFrame);
export const phase = signal<Phase>("connecting");
export const reason = signal("");
/** How often the connection has come back: what was read before may have missed something. */
export const recoveries = signal(0);
let broken = false;

const stream = new Stream({
  begin: (anew) => store.begin(anew),
  take: (events) => {
    broken ||= events.some((event) => event.name === "reset");
    store.take(events);
  },
  phase: (now, why) => {
    if (now === "live" && broken) recoveries.value++;
    broken = now === "lost" || (broken && now !== "live");
    phase.value = now;
    reason.value = why;
  },
});

export function start(): void {
  addEventListener("online", () => stream.hurry());
  addEventListener("offline", () => stream.lose());
  addEventListener("pagehide", () => stream.stop());
  addEventListener("pageshow", (event) => {
    if (event.persisted && attended.value) void stream.run();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) stream.hurry();
  });
  effect(() => {
    if (attended.value) void stream.run();
    else stream.stop();
  });
}
