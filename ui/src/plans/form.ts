/** The fields of a plan that a form shows, as texts by their paths, and what of them is told to the server. Pure. */
import type { Plan } from "../api/types";

/** Every field with the value that an absent one means. */
const FIELDS = {
  id: "",
  namespace: "default",
  name: "",
  description: "",
  owner: "",
  labels: "",
  executor: "shell",
  synchronous: "true",
  parameters: "",
  "periodic.spec": "",
  "periodic.time_zone": "",
  "periodic.start_time": "",
  "periodic.end_time": "",
  match: "any",
  "dst.gap": "run-after",
  "dst.overlap": "first",
  overlap: "allow",
  "catch_up.mode": "latest",
  "catch_up.window": "",
  "catch_up.max_runs": "1000",
  "catch_up.rate_per_minute": "0",
  "retry.attempts": "0",
  "retry.backoff": "10s",
  "retry.max_backoff": "1h",
  "retry.on": "",
  timeout: "",
  delivery: "at-least-once",
  priority: "50",
  strategy: "",
} as const;

export type Name = keyof typeof FIELDS;
export type Values = Readonly<Record<Name, string>>;
type Body = Record<string, unknown>;

export const NAMES = Object.keys(FIELDS) as readonly Name[];
export const EMPTY: Values = FIELDS;

/** What is emptied goes back to the server's default; the others must have a value. */
const CLEARED: ReadonlySet<Name> = new Set([
  "description",
  "owner",
  "labels",
  "parameters",
  "periodic.time_zone",
  "periodic.start_time",
  "periodic.end_time",
  "catch_up.window",
  "retry.on",
  "strategy",
  "timeout",
  "priority",
]);
const NUMBERS: ReadonlySet<Name> = new Set(["priority", "retry.attempts", "catch_up.max_runs", "catch_up.rate_per_minute"]);

export function valuesOf(plan: Plan): Values {
  const found: Record<Name, string> = { ...FIELDS };
  for (const name of NAMES) {
    const value = name.split(".").reduce<unknown>((part, key) => (part as Body | undefined)?.[key], plan);
    if (value !== undefined) found[name] = textOf(name, value);
  }
  if (plan.synchronous === undefined) found.synchronous = "false";
  return found;
}

function textOf(name: Name, value: unknown): string {
  if (name === "labels") return Object.entries(value as Record<string, string>).sort(byName).map(([label, text]) => `${label}=${text}`).join("\n");
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function byName([one]: [string, string], [other]: [string, string]): number {
  return one < other ? -1 : 1;
}

/** The labels of a text with one `name=value` in each line; a name without `=` has an empty value. */
function labelsOf(text: string): readonly (readonly [string, string])[] {
  return text
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const end = line.indexOf("=");
      return end < 0 ? ([line.trim(), ""] as const) : ([line.slice(0, end).trim(), line.slice(end + 1)] as const);
    });
}

/** A name that two labels have: of these the server would be told but one. */
export function doubled(text: string): string | undefined {
  const names = labelsOf(text).map(([name]) => name);
  return names.find((name, at) => names.indexOf(name) !== at);
}

export function changed(base: Values, values: Values): readonly Name[] {
  return NAMES.filter((name) => base[name] !== values[name]);
}

/** What PlanAdd is told: everything that is not empty. */
export function added(values: Values, online: boolean): Body {
  const body: Body = { type: "service", status: online ? "running" : "pending" };
  for (const name of NAMES) if (values[name].trim() && told(name, values)) put(body, name, values[name]);
  if (!values.name.trim() && values.id.trim()) body.name = values.id.trim();
  return body;
}

/** What PlanUpdate is told: what differs from `base`, labels as a whole, and the revision that this was. */
export function updated(base: Values, values: Values, revision: string): Body {
  const body: Body = { namespace: values.namespace, revision };
  const clear: string[] = [];
  const bare = !values["periodic.spec"].trim();
  for (const name of changed(base, values)) {
    if (name === "id" || name === "namespace" || (bare && name.startsWith("periodic."))) continue;
    if (name === "labels" || (!values[name].trim() && CLEARED.has(name))) clear.push(name);
    if (values[name].trim()) put(body, name, values[name]);
    else if (!CLEARED.has(name)) put(body, name, name === "name" ? values.id : FIELDS[name]);
  }
  if (bare && base["periodic.spec"]) clear.push("periodic");
  if (clear.length > 0) body.clear = clear;
  return body;
}

/** What a preview is asked of: all that moves a tick. */
export function preview(values: Values): Record<string, string> {
  const query: Record<string, string> = {};
  for (const name of NAMES)
    if (/^(periodic|dst)\.|^match$/.test(name) && values[name].trim()) query[`plan.${name}`] = values[name].trim();
  return query;
}

/** The field of the form that a refusal means; undefined for one that the form does not show. */
export function meant(field: string): Name | undefined {
  const path = field.replace(/^plan\./, "");
  return [...NAMES].sort((a, b) => b.length - a.length).find((name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
}

function told(name: Name, values: Values): boolean {
  if (name === "synchronous") return values.executor === "rest";
  return !name.startsWith("periodic.") || values["periodic.spec"].trim() !== "";
}

function put(body: Body, name: Name, text: string): void {
  const path = name.split(".");
  const last = path.pop() ?? name;
  let part = body;
  for (const key of path) part = (part[key] ??= {}) as Body;
  part[last] = valueOf(name, name === "parameters" || name === "labels" ? text : text.trim());
}

function valueOf(name: Name, text: string): unknown {
  if (name === "labels") return Object.fromEntries(labelsOf(text));
  if (name === "retry.on") return text.split(/[\s,]+/).filter(Boolean);
  if (name === "synchronous") return text === "true";
  return NUMBERS.has(name) && /^\d+$/.test(text) ? Number(text) : text;
}
