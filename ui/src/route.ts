/** Where the viewer is: every view has an address of its own, and links are plain links. */
import { signal } from "@preact/signals";
import { Address } from "./address";

const ROOT = "/ui/";

export type View =
  | { readonly page: "map" }
  | { readonly page: "plans" }
  | { readonly page: "plan"; readonly namespace: string; readonly id: string }
  | { readonly page: "runs" }
  | { readonly page: "run"; readonly id: string }
  | { readonly page: "nodes" }
  | { readonly page: "node"; readonly id: string }
  | { readonly page: "cluster" }
  | { readonly page: "timeline" }
  | { readonly page: "none" };

/** The view under a path. Pure. */
export function view(path: string): View {
  const parts = path.startsWith(ROOT) ? path.slice(ROOT.length).split("/").filter(Boolean) : [""];
  const [page = "map", first, second, more] = parts.map(decoded);
  if (more !== undefined) return { page: "none" };
  if (page === "map" && first === undefined) return { page };
  if (page === "plans" && first === undefined) return { page };
  if (page === "plans" && first !== undefined && second !== undefined) return { page: "plan", namespace: first, id: second };
  if (page === "runs" && first === undefined) return { page };
  if (page === "runs" && first !== undefined && second === undefined) return { page: "run", id: first };
  if (page === "nodes" && first === undefined) return { page };
  if (page === "nodes" && first !== undefined && second === undefined) return { page: "node", id: first };
  if (page === "cluster" && first === undefined) return { page };
  if (page === "timeline" && first === undefined) return { page };
  return { page: "none" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const to = {
  map: (query: Readonly<Record<string, string>> = {}) => withQuery(ROOT, query),
  plans: () => `${ROOT}plans`,
  plan: (namespace: string, id: string) => `${ROOT}plans/${encodeURIComponent(namespace)}/${encodeURIComponent(id)}`,
  runs: (query: Readonly<Record<string, string>> = {}) => withQuery(`${ROOT}runs`, query),
  nodes: () => `${ROOT}nodes`,
  node: (id: string) => `${ROOT}nodes/${encodeURIComponent(id)}`,
  cluster: () => `${ROOT}cluster`,
  timeline: (query: Readonly<Record<string, string>> = {}) => withQuery(`${ROOT}timeline`, query),
  run: (id: string) => `${ROOT}runs/${encodeURIComponent(id)}`,
};

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return said ? `${path}?${said}` : path;
}

export const path = signal(location.pathname);
export const query = signal(new URLSearchParams(location.search));

const shown = new Address((address) => history.replaceState(null, "", address));

function look({ pathname, searchParams }: URL): void {
  path.value = pathname;
  query.value = searchParams;
}

export function go(address: string, replace = false): void {
  const before = path.peek();
  if (replace) shown.replace(address);
  else {
    shown.flush();
    history.pushState(null, "", address);
  }
  look(new URL(address, location.href));
  if (replace || path.peek() === before) return;
  scrollTo(0, 0);
  setTimeout(() => document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true })); // once the new page is there
}

/** Changes parts of the query in place; empty ones leave it. */
export function ask(changes: Readonly<Record<string, string>>, replace = true): void {
  const said = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) value ? said.set(name, value) : said.delete(name);
  const text = said.toString();
  go(text ? `${path.value}?${text}` : path.value, replace);
}

/** Whether a click of a link is to follow it here: any other is the browser's. */
export function plainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

/** Links within the UI are followed without loading the page anew. */
export function follow(): void {
  addEventListener("popstate", () => {
    shown.drop();
    look(new URL(location.href));
  });
  addEventListener("pagehide", () => shown.flush());
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || !plainClick(event)) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin || !link.pathname.startsWith(ROOT) || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
