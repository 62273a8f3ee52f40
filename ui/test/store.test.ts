import { describe, expect, it } from "vitest";
import type { Change, Job, Plan } from "../src/api/types";
import { planKey, type Run, type Space, Store } from "../src/live/store";
import { filterOf, matcher } from "../src/map/filter";
import { Found } from "../src/map/found";

const job = (id: string, status: string, more: object = {}): Change => ({
  kind: "job",
  action: "set",
  namespace: "default",
  id,
  job: { id, status, namespace: "default", plan_id: "beat", name: "beat", executor: "noop", ...more } as Job,
});
const space = (limit: number, name = "default"): Change => ({
  kind: "namespace",
  action: "set",
  namespace: name,
  id: name,
  namespace_item: { name, job_parallelism_limit: limit },
});
const told = (change: Change, id?: string) => ({ name: change.kind, data: JSON.stringify(change), id });

function live(...changes: Change[]): Store {
  const store = new Store();
  store.begin(true);
  store.take([...changes.map((change) => told(change)), { name: "", data: "", id: "1.1.0" }]);
  return store;
}
const only = (store: Store): Space => store.spaces.get("default") as Space;

describe("the store", () => {
  it("gives runs their slots from beginning to end", () => {
    const store = live(space(4), job("a", "pending"), job("b", "running"), job("c", "pending", { reason: "retry_wait" }));
    expect(only(store).slots.counts).toEqual([0, 1, 1, 1, 0]);
    expect(only(store).size).toBe(4);
    store.take([told(job("a", "running"), "1.2.0"), told(job("b", "complete"), "1.3.0")]);
    expect(only(store).slots.counts).toEqual([0, 0, 1, 1, 0]);
    expect(store.ended.map((run) => [run.id, run.status])).toEqual([["b", "complete"]]);
    expect([...only(store).changed].sort()).toEqual([0, 1, 2]);
    expect([...store.executors]).toEqual([["noop", 2]]);
  });

  it("keeps runs that wait for a slot out of the slots", () => {
    const store = live(space(1), job("a", "running"), job("b", "pending", { reason: "no_slot" }));
    expect([...only(store).queue]).toEqual(["b"]);
    expect(only(store).slots.used).toBe(1);
    store.take([told(job("a", "failed"), "1.2.0"), told(job("b", "pending"), "1.2.1")]);
    expect(only(store).queue.size).toBe(0);
    expect(only(store).slots.at(0)).toBe("b");
  });

  it("shows runs beyond the limit", () => {
    expect(only(live(space(1), job("a", "running"), job("b", "running"))).size).toBe(2);
  });

  it("shows no more free slots than there are once the limit was lowered", () => {
    const store = live(space(4), job("a", "running"), job("b", "running"), job("c", "running"), job("d", "running"));
    store.take([told(job("d", "complete"), "1.2.0"), told(space(2), "1.3.0")]);
    expect(only(store).size).toBe(3);
    store.take([told(job("c", "complete"), "1.4.0")]);
    expect(only(store).size).toBe(2);
    store.take([told(space(4), "1.5.0"), told(job("e", "running"), "1.6.0"), told(job("f", "running"), "1.7.0")]);
    expect(["a", "b", "e", "f"].map((id) => only(store).slots.where(id))).toEqual([0, 1, 2, 3]);
  });

  it("is whole once everything was told, and not before", () => {
    const store = new Store();
    store.begin(true);
    store.take([told(space(4))]);
    expect(store.whole.value).toBe(false);
    store.take([told(job("a", "running"), "1.1.0")]);
    expect(store.whole.value).toBe(true);
  });

  it("forgets after a reset what is not told again, and nothing else", () => {
    const store = live(space(4), space(2, "other"), job("a", "running"), job("b", "running"));
    store.begin(false);
    store.take([{ name: "reset", data: "{}", id: undefined }, told(space(4))]);
    expect(store.runs.size).toBe(2);
    store.take([told(job("b", "running"), "2.9.0")]);
    expect([...store.runs.keys()]).toEqual(["b"]);
    expect(only(store).slots.where("b")).toBe(1);
    expect([...store.spaces.keys()]).toEqual(["default"]);
  });

  it("forgets everything after a reset with nothing behind it", () => {
    const store = live(space(4), job("a", "running"));
    store.take([{ name: "reset", data: "{}", id: "2.9" }]);
    expect([store.runs.size, store.spaces.size]).toEqual([0, 0]);
  });

  it("makes no map of a namespace that is gone, whatever is told of its runs", () => {
    const store = live(space(4), job("a", "running"));
    store.take([{ name: "namespace", data: JSON.stringify({ kind: "namespace", action: "gone", id: "default" }), id: "1.2" }, told(job("a", "complete"), "1.3")]);
    expect([store.runs.size, store.spaces.size, store.ended.length]).toEqual([0, 0, 1]);
  });

  it("takes a change that is told twice as one", () => {
    const store = live(space(4));
    for (const change of [job("a", "running"), job("a", "complete")]) store.take([told(change, "1.2"), told(change, "1.2")]);
    expect([store.runs.size, only(store).slots.counts, store.ended.length, store.executors.size]).toEqual([0, [0, 0, 0, 0, 0], 1, 0]);
  });

  it("keeps everything when a stream goes on where it was", () => {
    const store = live(space(4), job("a", "running"));
    store.begin(false);
    store.take([{ name: "", data: "", id: "1.1.0" }, told(job("b", "running"), "1.2.0")]);
    expect([...store.runs.keys()]).toEqual(["a", "b"]);
  });

  it("drops what is gone, also without its namespace", () => {
    const store = live(space(4), job("a", "running"));
    store.take([{ name: "job", data: JSON.stringify({ kind: "job", action: "gone", id: "a" }), id: "1.2.0" }]);
    expect(store.runs.size).toBe(0);
    expect(only(store).slots.counts).toEqual([0, 0, 0, 0, 0]);
  });

  it("keeps what went wrong, however much has ended well since", () => {
    const store = live(space(4), job("a", "running"), job("b", "running"));
    store.take([told(job("a", "failed"), "1.2.0"), told(job("b", "expired"), "1.3.0")]);
    for (let number = 0; number < 150; number++) store.take([told(job(`c${number}`, "complete"), `1.${number + 4}.0`)]);
    expect(store.ended).toHaveLength(100);
    expect(store.failed.map((run) => run.id)).toEqual(["b", "a"]);
    store.take([told(job("b", "expired"), "1.900.0")]);
    expect([...store.failures]).toEqual([["default", 2]]);
  });

  it("knows nothing of what ended elsewhere, once another cluster has taken the address", () => {
    const store = live(space(4), job("a", "running"));
    store.take([told(job("a", "failed"), "1.2.0")]);
    store.begin(true);
    expect([store.ended, store.failed, store.failures.size]).toEqual([[], [], 0]);
  });

  it("tells who watches one thing, until they stop", () => {
    const store = live(space(4), job("a", "pending"));
    let count = 0;
    const stop = store.watch("job", "", "a", () => count++);
    store.take([told(job("a", "running"), "1.2.0"), told(job("b", "running"), "1.2.1")]);
    expect(count).toBe(1);
    stop();
    store.take([told(job("a", "complete"), "1.3.0")]);
    expect(count).toBe(1);
  });
});

describe("the filter", () => {
  const store = live(space(4), job("a1", "running"), job("b2", "pending", { reason: "retry_wait", plan_id: "Nightly", name: "n" }));
  const found = (text: string) => {
    const matches = matcher(filterOf(new URLSearchParams(text)));
    return matches && [...store.runs.values()].filter(matches).map((run) => run.id);
  };

  it("means everything when it says nothing", () => expect(found("namespace=default&run=x")).toBeUndefined());
  it("finds by status", () => expect(found("status=retrying")).toEqual(["b2"]));
  it("finds by part of a plan's id, in any case", () => expect(found("q=NIGHT")).toEqual(["b2"]));
  it("finds by id of a run", () => expect(found("q=a1")).toEqual(["a1"]));
  it("finds by plan and executor", () => expect(found("plan=beat&executor=noop")).toEqual(["a1"]));
  it("finds by what started it", () => expect(found("trigger=rerun")).toEqual([]));
  it("finds nothing by a status that is none", () => expect(found("status=gone")).toEqual([]));

  it("keeps of the plans those that are looked at, with what has just changed of them", () => {
    const plan = (id: string, status: string): Change => ({ kind: "plan", action: "set", namespace: "default", id, plan: { id, status, namespace: "default" } as Plan });
    const store = live(plan("a", "running"));
    expect([store.planned, store.plans.size]).toEqual([false, 0]);
    store.take([told(plan("a", "dead"), "1.2.0"), told(plan("b", "running"), "1.2.1")]);
    expect([store.planned, store.plans.size]).toEqual([true, 0]);
    const leave = store.lookAt([planKey("default", "a")]);
    expect([...store.plans.values()].map((one) => one.status)).toEqual(["dead"]);
    store.take([told(plan("a", "running"), "1.3.0"), told(plan("b", "dead"), "1.3.1")]);
    expect([...store.plans.values()].map((one) => one.status)).toEqual(["running"]);
    store.take([told({ kind: "plan", action: "gone", namespace: "default", id: "a" }, "1.4.0")]);
    expect([store.planned, store.unplanned, store.plans.size]).toEqual([false, 1, 0]);
    leave();
  });
});

describe("what a filter has found", () => {
  it("is counted by namespace, as runs come, change and go", () => {
    const store = live(space(4), space(2, "other"), job("a", "running"), job("b", "pending"), job("o", "running", { namespace: "other" }));
    const found = new Found(matcher(filterOf(new URLSearchParams("status=running"))) as (run: Run) => boolean, store.runs.values());
    store.followers.add(found.follow);
    const counts = () => [found.in("default"), found.in("other"), found.in("none")];
    expect(counts()).toEqual([1, 1, 0]);
    store.take([told(job("b", "running"), "1.2.0"), told(job("a", "complete"), "1.3.0"), told(job("c", "running"), "1.4.0")]);
    expect([counts(), found.has("a"), found.has("c"), found.has(undefined)]).toEqual([[2, 1, 0], false, true, false]);
    store.begin(false);
    store.take([{ name: "reset", data: "{}", id: undefined }, told(space(4)), told(space(2, "other")), told(job("b", "pending"), "2.9.0")]);
    expect(counts()).toEqual([0, 0, 0]);
  });
});

describe("schedules", () => {
  const plan = (n: string, revision: string): Change => ({ kind: "plan", action: "set", namespace: "default", id: "a", n, plan: { id: "a", namespace: "default", revision } as Plan });

  it("are changed by definitions and deletions, not by runs", () => {
    const store = live(plan("9", "3"));
    expect(store.schedules.value).toBe(0);
    store.take([told(plan("10", "10"), "1.10.0")]);
    expect(store.schedules.value).toBe(1);
    store.take([told(plan("11", "10"), "1.11.0")]);
    expect(store.schedules.value).toBe(1);
    store.take([told({ kind: "plan", action: "gone", namespace: "default", id: "a", n: "12" }, "1.12.0")]);
    expect(store.schedules.value).toBe(2);
  });
});
