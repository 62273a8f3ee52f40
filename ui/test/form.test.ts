import { expect, it } from "vitest";
import { added, changed, doubled, EMPTY, meant, preview, updated, valuesOf } from "../src/plans/form";

it("adds what is filled in, nested, with the id for a name", () => {
  const values = { ...EMPTY, id: " hello ", parameters: '{"command": "echo"}', "periodic.spec": "* * * * *", "retry.attempts": "2" };
  expect(added(values, true)).toMatchObject({
    type: "service",
    status: "running",
    id: "hello",
    name: "hello",
    namespace: "default",
    periodic: { spec: "* * * * *" },
    retry: { attempts: 2, backoff: "10s" },
    priority: 50,
  });
  expect(added(values, true)).not.toHaveProperty("synchronous");
  expect(added({ ...values, executor: "rest" }, false)).toMatchObject({ synchronous: true, status: "pending" });
});

it("tells nothing of a schedule where there is none", () => {
  expect(added({ ...EMPTY, "periodic.time_zone": "Europe/Berlin" }, true)).not.toHaveProperty("periodic");
});

it("lets the server say what a number that is none is", () => {
  expect(added({ ...EMPTY, priority: "high" }, true)).toMatchObject({ priority: "high" });
});

const plan = { id: "p", namespace: "ops", name: "P", executor: "rest", timeout: "3600s", periodic: { spec: "0 9 * * *", time_zone: "UTC", end_time: "2030-01-01T00:00:00Z" }, retry: { attempts: 1 } };

it("changes only what was changed", () => {
  const base = valuesOf(plan);
  expect(base).toMatchObject({ "periodic.spec": "0 9 * * *", "retry.attempts": "1", synchronous: "false", match: "any" });
  expect(changed(base, base)).toEqual([]);
  const values = { ...base, "periodic.spec": "0 10 * * *", "periodic.end_time": "", name: "" };
  expect(updated(base, values, "7")).toEqual({ namespace: "ops", revision: "7", name: "p", periodic: { spec: "0 10 * * *" }, clear: ["periodic.end_time"] });
});

it("tells labels and reasons as the API wants them", () => {
  const body = added({ ...EMPTY, labels: " team =night=1\n\nbare\n__proto__=x", "retry.on": "timeout, exit_nonzero", "catch_up.max_runs": "7" }, true);
  expect(body).toMatchObject({ retry: { on: ["timeout", "exit_nonzero"] }, catch_up: { max_runs: 7, rate_per_minute: 0 } });
  expect(JSON.stringify(body.labels)).toBe('{"team":"night=1","bare":"","__proto__":"x"}');
  expect(body).not.toHaveProperty("strategy");
});

it("lays labels anew as a whole, and empties what was emptied", () => {
  const base = valuesOf({ ...plan, labels: { team: "night", a: "b" }, retry: { on: ["timeout", "signaled"] }, strategy: "spread" });
  expect(base).toMatchObject({ labels: "a=b\nteam=night", "retry.on": "timeout, signaled", strategy: "spread" });
  expect(updated(base, { ...base, labels: "a=c" }, "7")).toEqual({ namespace: "ops", revision: "7", labels: { a: "c" }, clear: ["labels"] });
  expect(updated(base, { ...base, labels: "", "retry.on": "", strategy: "" }, "7")).toEqual({ namespace: "ops", revision: "7", clear: ["labels", "retry.on", "strategy"] });
});

it("shows the rules of retries while nothing is retried, and leaves them as they are", () => {
  const base = valuesOf({ ...plan, retry: { attempts: 0, backoff: "5s", max_backoff: "1m", on: ["timeout"] } });
  expect(base).toMatchObject({ "retry.attempts": "0", "retry.backoff": "5s", "retry.max_backoff": "1m", "retry.on": "timeout" });
  expect(updated(base, { ...base, "retry.attempts": "2" }, "7")).toEqual({ namespace: "ops", revision: "7", retry: { attempts: 2 } });
});

it("says which label is there twice", () => {
  expect(doubled("a=1\nb=2\n a =3")).toBe("a");
  expect(doubled("a=1\nb=1")).toBeUndefined();
});

it("takes the whole schedule away with its expression", () => {
  const base = valuesOf(plan);
  expect(updated(base, { ...base, "periodic.spec": "", "periodic.time_zone": "Asia/Tokyo" }, "7")).toEqual({ namespace: "ops", revision: "7", clear: ["periodic"] });
});

it("asks a preview of all that moves a tick", () => {
  expect(preview({ ...EMPTY, "periodic.spec": "H * * * *", name: "x" })).toEqual({
    "plan.periodic.spec": "H * * * *",
    "plan.match": "any",
    "plan.dst.gap": "run-after",
    "plan.dst.overlap": "first",
  });
});

it.each([
  ["plan.periodic.spec", "periodic.spec"],
  ["parameters.command", "parameters"],
  ["overlap", "overlap"],
  ["dst.overlap", "dst.overlap"],
  ["labels", "labels"],
  ["retry.on", "retry.on"],
  ["retry.max_backoff", "retry.max_backoff"],
  ["paused", undefined],
])("knows the field that %s means", (field, name) => {
  expect(meant(field)).toBe(name);
});
