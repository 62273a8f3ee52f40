import { expect, it } from "vitest";
import { added, changed, EMPTY, meant, preview, updated, valuesOf } from "../src/plans/form";

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
  ["labels", undefined],
])("knows the field that %s means", (field, name) => {
  expect(meant(field)).toBe(name);
});
