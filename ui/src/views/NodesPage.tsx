/** The nodes: how they are, how full they are, and an operator's switches; one node with the runs it has now. */
import "../styles/nodes.css";
import { useMemo } from "preact/hooks";
import { Refused } from "../api/client";
import type { Node, NodeSeen } from "../api/types";
import { phase, store } from "../live";
import { type Kind, inUse } from "../live/nodes";
import { useSight } from "../live/sight";
import type { Run } from "../live/store";
import { Fact } from "../parts/Fact";
import { Gone } from "../parts/Gone";
import { Rows } from "../parts/Rows";
import { StatusDot } from "../parts/StatusDot";
import { useSettled } from "../parts/use";
import { When } from "../parts/When";
import { ask, path, query, to, view } from "../route";
import { viewerZone } from "../settings";
import { bytes, number, percent, stated, status, t } from "../text";
import { Choice, Hint } from "./MapPage";
import { NodeSwitches } from "./NodeSwitches";

const DOTS: Readonly<Record<string, string>> = { ready: "complete", down: "failed", disconnected: "unknown", initializing: "pending" };

/** There may be very many runs, and many changes a second: they are looked through no more often than this, in ms. */
const PAUSE = 250;
const KINDS: readonly Kind[] = ["cpu", "memory", "disk"];
const ALL: readonly string[] = [];
const AT_WORK = new Set(["running", "unknown"]);
const AGENT = "jobpool_agent agent --executors rest,noop,shell";

export function NodesPage() {
  const here = view(path.value);
  return here.page === "node" ? <NodePage key={here.id} id={here.id} /> : <NodeList />;
}

function NodeList() {
  const changes = useSettled(store.version.value, PAUSE);
  const sight = useSight(ALL);
  const all = useMemo(() => [...store.nodes.values()].sort((one, other) => byName.compare(nameOf(one), nameOf(other))), [changes, store.whole.value]);
  const nodes = all.filter(fitter(query.value));
  const held = useMemo(liveByNode, [changes, store.whole.value]);
  const kinds = KINDS.filter((kind) => nodes.some((node) => inUse(sight.nodes.get(node.ID ?? "")?.resources, kind)));
  return (
    <section class="list nodes">
      <h1>{t("nav.nodes")}</h1>
      <Unheard why={sight.broken} />
      {all.length > 0 && <Filters all={all} found={nodes.length} />}
      {store.whole.value && all.length === 0 && <Hint text={t("map.empty.agents")} command={AGENT} />}
      {all.length > 0 && nodes.length === 0 && <Hint text={t("nodes.none")} />}
      {nodes.length > 0 && (
        <Rows
          items={nodes}
          label={t("nav.nodes")}
          heads={[t("nodes.name"), t("run.status"), t("nodes.load"), t("nodes.work"), ...kinds.map((kind) => t(`nodes.${kind}`)), t("nodes.heard"), t("nodes.executors")]}
          keyOf={(node) => node.ID ?? ""}
          row={(node) => cells(node, held.get(node.ID ?? "")?.length ?? 0, kinds, sight.nodes.get(node.ID ?? ""))}
        />
      )}
    </section>
  );
}

/** Of a node: how it is, or that it takes no new work though it could. */
const STATES = ["ready", "initializing", "disconnected", "down", "held"];

function stateOf(node: Node): readonly string[] {
  const held = node.status !== "down" && (node.drain !== undefined || Boolean(node.drain_status) || node.eligibility === "ineligible");
  return [node.status ?? "", ...(held ? ["held"] : [])];
}

function sayState(word: string): string {
  return word === "held" ? t("nodes.held") : status(word);
}

/** Whether the address asks for a node: a part of its name, id, executors or attributes, and how it is. */
function fitter(address: URLSearchParams): (node: Node) => boolean {
  const text = (address.get("q") ?? "").toLowerCase();
  const wanted = address.get("status") ?? "";
  const texts = (node: Node) => [node.name, node.ID, node.server, node.version, ...(node.executors ?? []), ...Object.entries(node.attributes ?? {}).map((pair) => pair.join("="))];
  return (node) => (!wanted || stateOf(node).includes(wanted)) && (!text || texts(node).some((one) => one?.toLowerCase().includes(text)));
}

/** What is looked for, and how many there are of each kind. */
function Filters({ all, found }: { all: readonly Node[]; found: number }) {
  const counts = new Map<string, number>();
  for (const node of all) for (const word of stateOf(node)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const text = query.value.get("q") ?? "";
  const wanted = query.value.get("status") ?? "";
  return (
    <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
      <input type="search" aria-label={t("nodes.search")} placeholder={t("nodes.search")} value={text} onInput={(event) => ask({ q: event.currentTarget.value })} />
      <Choice name="status" label={t("filter.status")} value={wanted} words={STATES.filter((word) => counts.has(word))} say={(word) => `${sayState(word)}: ${number(counts.get(word) ?? 0)}`} />
      <output class="found" data-found={found}>
        {t("nodes.found", { n: number(found), total: number(all.length) })}
      </output>
      {(text || wanted) && (
        <button type="button" onClick={() => ask({ q: "", status: "" })}>
          {t("filter.clear")}
        </button>
      )}
    </form>
  );
}

/** agent-2 is before agent-10. */
const byName = new Intl.Collator("en", { numeric: true });

function nameOf(node: Node): string {
  return node.name || node.ID || "";
}

/** What each node is at: a run that waits names the node of its last attempt, and is not there any more. */
function liveByNode(): ReadonlyMap<string, readonly Run[]> {
  const found = new Map<string, Run[]>();
  for (const run of store.runs.values()) {
    if (!run.node || !AT_WORK.has(run.status)) continue;
    const runs = found.get(run.node);
    runs ? runs.push(run) : found.set(run.node, [run]);
  }
  return found;
}

function cells(node: Node, running: number, kinds: readonly Kind[], seen: NodeSeen | undefined) {
  return [
    <span class="two">
      <a href={to.node(node.ID ?? "")}>{nameOf(node)}</a>
      <small class="soft">{[node.version, node.server].filter(Boolean).join(" · ")}</small>
    </span>,
    <State node={node} />,
    <Load node={node} running={running} />,
    <Work node={node} running={running} />,
    ...kinds.map((kind) => (node.status === "down" ? null : <InUse seen={seen} kind={kind} brief />)),
    <When time={seen?.heard_at} zone={viewerZone} />,
    (node.executors ?? []).join(", "),
  ];
}

function State({ node }: { node: Node }) {
  return (
    <span title={stated(node.status_description)}>
      <StatusDot status={DOTS[node.status ?? ""] ?? "other"} /> {status(node.status ?? "")}
    </span>
  );
}

function Load({ node, running }: { node: Node; running: number }) {
  const capacity = node.capacity ?? 0;
  const told = t("map.of", { n: number(running), total: number(capacity) });
  return (
    <a class="load" href={to.runs({ node: node.ID ?? "" })} aria-label={`${t("nodes.load")}: ${told}`}>
      <meter min={0} max={Math.max(1, capacity)} value={running} aria-hidden="true" /> {told}
    </a>
  );
}

/** How much of it is in use: a bar, with its words beside it, or `brief` with the percentage alone. */
function InUse({ seen, kind, brief }: { seen: NodeSeen | undefined; kind: Kind; brief?: boolean }) {
  const use = inUse(seen?.resources, kind);
  if (!use) return null;
  const told = t(`nodes.${kind}.used`, kind === "cpu" ? { n: tenths(use.used), total: tenths(use.whole) } : { n: bytes(use.used), total: bytes(use.whole) });
  return (
    <span class="load use" title={told}>
      <meter min={0} max={use.whole} low={0.75 * use.whole} high={0.9 * use.whole} optimum={0} value={use.used} aria-label={`${t(`nodes.${kind}`)}: ${told}`} />
      <span>{percent(use.used, use.whole)}</span> {!brief && <span class="soft">{told}</span>}
    </span>
  );
}

function tenths(value: number): string {
  return number(Math.round(value * 10) / 10);
}

/** Not while the page's own stream is gone too: that is said above. */
function Unheard({ why }: { why: Error | undefined }) {
  if (!why || phase.value !== "live") return null;
  return (
    <p class="fault" role="alert">
      {t("nodes.unheard")} {why instanceof Refused && why.message}
    </p>
  );
}

/** Whether it takes work, and how far a drain is. */
function Work({ node, running }: { node: Node; running: number }) {
  if (node.drain) return <DrainState drain={node.drain} left={running} />;
  if (node.status === "down") return <span>{t("nodes.ineligible")}</span>;
  if (node.drain_status) return <span>{t("nodes.leaving", { n: number(running) })}</span>;
  return <span title={node.eligibility_description}>{t(node.eligibility === "ineligible" ? "nodes.ineligible" : "nodes.eligible")}</span>;
}

/** How many of the runs that were there at its start are left, and when these are moved. */
function DrainState({ drain, left }: { drain: NonNullable<Node["drain"]>; left: number }) {
  const total = Math.max(drain.runs ?? 0, left);
  const told = t("nodes.draining", { n: number(left), total: number(total) });
  const over = drain.deadline !== undefined && Date.parse(drain.deadline) <= Date.now();
  return (
    <span class="drain">
      {total > 0 && <progress max={total} value={total - left} aria-label={told} />}
      <span>{told}</span>
      <small>
        {t(drain.deadline === undefined ? "nodes.patient" : over ? "nodes.moved" : "nodes.moves")} <When time={drain.deadline} zone={viewerZone} />
      </small>
    </span>
  );
}

function NodePage({ id }: { id: string }) {
  const changes = useSettled(store.version.value, PAUSE);
  const sight = useSight([id]);
  const runs = useMemo(() => liveByNode().get(id) ?? [], [id, changes, store.whole.value]);
  const node = store.nodes.get(id);
  if (!node && !store.whole.value) return <p class="soft">{t("list.loading")}</p>;
  if (!node) return <Gone kind="nodes" id={id} text={t("nodes.gone")} address={to.nodes()} others={t("nodes.all")} />;
  return (
    <section class="list nodes">
      <h1>{nameOf(node)}</h1>
      <p class="line">
        <State node={node} /> <Load node={node} running={runs.length} /> <b role="status"><Work node={node} running={runs.length} /></b>
      </p>
      {node.status !== "ready" && node.status_description && <p class="soft">{stated(node.status_description)}</p>}
      {node.eligibility_description && <p class="soft">{node.eligibility_description}</p>}
      <NodeSwitches node={node} name={nameOf(node)} running={runs.length} />
      <Unheard why={sight.broken} />
      <Facts node={node} seen={sight.nodes.get(id)} />
      <h2>{t("nodes.runs")}</h2>
      <p class="line">
        <a href={to.runs({ node: id })}>{t("nodes.ran")}</a> <a href={to.timeline({ node: id })}>{t("nodes.timeline")}</a>
      </p>
      {runs.length === 0 && <p class="soft">{t("nodes.idle")}</p>}
      {runs.length > 0 && (
        <Rows
          items={runs}
          label={t("nodes.runs")}
          heads={[t("run.plan"), t("run.status"), t("run.started"), t("run.namespace")]}
          keyOf={(run) => run.id}
          row={(run) => [<a href={to.run(run.id)}>{run.plan}</a>, status(run.status), <When time={run.started || run.due} zone={run.zone} />, run.namespace]}
        />
      )}
    </section>
  );
}

function Facts({ node, seen }: { node: Node; seen: NodeSeen | undefined }) {
  const attributes = Object.entries(node.attributes ?? {}).sort();
  return (
    <dl class="facts">
      <Fact name="ID">{node.ID}</Fact>
      <Fact name={t("nodes.executors")}>{node.executors?.join(", ")}</Fact>
      <Fact name={t("nodes.version")}>{node.version}</Fact>
      <Fact name={t("nodes.server")}>{node.server}</Fact>
      {KINDS.map((kind) => (
        <Fact key={kind} name={t(`nodes.${kind}`)}>
          {inUse(seen?.resources, kind) && <InUse seen={seen} kind={kind} />}
        </Fact>
      ))}
      <Fact name={t("nodes.capacity")}>{number(node.capacity ?? 0)}</Fact>
      <Fact name={t("nodes.drained")}>{node.drain && <When time={node.drain.since} zone={viewerZone} />}</Fact>
      <Fact name={t("nodes.since")}>
        <When time={node.started_at} zone={viewerZone} />
      </Fact>
      <Fact name={t("nodes.changed")}>
        <When time={node.updated_at} zone={viewerZone} />
      </Fact>
      <Fact name={t("nodes.heard")}>
        {seen?.heard_at && (
          <span data-heard>
            <When time={seen.heard_at} zone={viewerZone} />
          </span>
        )}
      </Fact>
      {attributes.map(([name, value]) => [<dt key={`${name}:`} translate={false}>{name}</dt>, <dd key={name} translate={false}>{value}</dd>])}
    </dl>
  );
}
