/** The nodes: how they are, how full they are, and an operator's switches; one node with the runs it has now. */
import "../styles/nodes.css";
import { post, segment } from "../api/client";
import type { Node } from "../api/types";
import { store } from "../live";
import type { Run } from "../live/store";
import { Ask } from "../parts/Ask";
import { Rows } from "../parts/Rows";
import { StatusDot } from "../parts/StatusDot";
import { When } from "../parts/When";
import { path, to, view } from "../route";
import { viewerZone } from "../settings";
import { number, status, t } from "../text";
import { Hint } from "./MapPage";

const DOTS: Readonly<Record<string, string>> = { ready: "complete", down: "failed", disconnected: "unknown", initializing: "pending" };
const AGENT = "jobpool_agent agent --executors rest,noop,shell";

export function NodesPage() {
  const version = store.version.value;
  const here = view(path.value);
  if (here.page === "node") return <NodePage id={here.id} />;
  const nodes = [...store.nodes.values()].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const held = liveByNode();
  return (
    <section class="list nodes">
      <h1>{t("nav.nodes")}</h1>
      {store.whole.value && nodes.length === 0 && <Hint text={t("map.empty.agents")} command={AGENT} />}
      {nodes.length > 0 && (
        <Rows
          items={nodes}
          label={t("nav.nodes")}
          heads={[t("nodes.name"), t("run.status"), t("nodes.load"), t("nodes.work"), t("nodes.executors"), t("nodes.version"), t("nodes.server"), t("nodes.heard")]}
          keyOf={(node) => node.ID ?? ""}
          row={(node) => cells(node, held.get(node.ID ?? "")?.length ?? 0)}
          version={version}
        />
      )}
    </section>
  );
}

function nameOf(node: Node): string {
  return node.name || node.ID || "";
}

/** The live runs of each node. */
function liveByNode(): ReadonlyMap<string, readonly Run[]> {
  const found = new Map<string, Run[]>();
  for (const run of store.runs.values()) {
    if (!run.node) continue;
    const runs = found.get(run.node);
    runs ? runs.push(run) : found.set(run.node, [run]);
  }
  return found;
}

function cells(node: Node, running: number) {
  return [
    <a href={to.node(node.ID ?? "")}>{nameOf(node)}</a>,
    <State node={node} />,
    <Load node={node} running={running} />,
    <Work node={node} running={running} />,
    (node.executors ?? []).join(", "),
    node.version,
    node.server,
    <When time={node.updated_at} zone={viewerZone} />,
  ];
}

function State({ node }: { node: Node }) {
  return (
    <span title={node.status_description}>
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

/** Whether it takes work, and how far a drain is. */
function Work({ node, running }: { node: Node; running: number }) {
  if (node.drain)
    return (
      <span>
        {t("nodes.draining", { n: number(running) })} <When time={node.drain.deadline} zone={viewerZone} />
      </span>
    );
  if (node.drain_status) return <span>{t("nodes.leaving", { n: number(running) })}</span>;
  return <span title={node.eligibility_description}>{t(node.eligibility === "ineligible" ? "nodes.ineligible" : "nodes.eligible")}</span>;
}

function NodePage({ id }: { id: string }) {
  const version = store.version.value;
  const node = store.nodes.get(id);
  if (!node) return store.whole.value ? <p class="fault">{t("nodes.gone")}</p> : <p class="soft">{t("list.loading")}</p>;
  const runs = liveByNode().get(id) ?? [];
  return (
    <section class="list nodes">
      <h1>{nameOf(node)}</h1>
      <p class="line">
        <State node={node} /> <Load node={node} running={runs.length} /> <b role="status"><Work node={node} running={runs.length} /></b>
      </p>
      {node.eligibility_description && <p class="soft">{node.eligibility_description}</p>}
      <Switches node={node} running={runs.length} />
      <Facts node={node} />
      <h2>{t("nodes.runs")}</h2>
      {runs.length === 0 && <p class="soft">{t("nodes.idle")}</p>}
      {runs.length > 0 && (
        <Rows
          items={runs}
          label={t("nodes.runs")}
          heads={[t("run.plan"), t("run.status"), t("run.started"), t("run.namespace")]}
          keyOf={(run) => run.id}
          row={(run) => [<a href={to.run(run.id)}>{run.plan}</a>, status(run.status), <When time={run.started || run.due} zone={run.zone} />, run.namespace]}
          version={version}
        />
      )}
    </section>
  );
}

function Switches({ node, running }: { node: Node; running: number }) {
  const at = `nodes/${segment(node.ID ?? "")}`;
  const name = nameOf(node);
  const note = (form: FormData) => String(form.get("note") ?? "");
  const drain = (form: FormData) => post<object>(`${at}/drain`, { enable: true, deadline: String(form.get("deadline") ?? ""), description: note(form) });
  const letWork = (eligible: boolean) => (form: FormData) => post<object>(`${at}/eligibility`, { eligible, description: note(form) });
  const done = (act: (form: FormData) => Promise<object>) => async (form: FormData) => void (await act(form));
  const field = (
    <label class="field">
      {t("plan.note")}
      <input name="note" maxLength={512} />
    </label>
  );
  if (node.drain)
    return (
      <p class="buttons">
        <Ask button={t("nodes.cancel")} title={t("nodes.cancel.ask", { name })} does={t("nodes.cancel.does")} act={done(() => post<object>(`${at}/drain`, { enable: false, eligible: true }))} />
      </p>
    );
  return (
    <p class="buttons">
      {node.eligibility === "ineligible" ? (
        <Ask button={t("nodes.let")} title={t("nodes.let.ask", { name })} does={t("nodes.let.does")} act={done(letWork(true))} />
      ) : (
        <Ask button={t("nodes.hold")} title={t("nodes.hold.ask", { name })} does={t("nodes.hold.does")} act={done(letWork(false))}>
          {field}
        </Ask>
      )}
      <Ask danger button={t("nodes.drain")} title={t("nodes.drain.ask", { name })} does={t("nodes.drain.does", { n: number(running) })} act={done(drain)}>
        <label class="field">
          {t("nodes.deadline")}
          <input name="deadline" placeholder="10m" maxLength={20} />
        </label>
        {field}
      </Ask>
    </p>
  );
}

function Facts({ node }: { node: Node }) {
  const attributes = Object.entries(node.attributes ?? {}).sort();
  return (
    <dl class="facts">
      <dt>ID</dt>
      <dd>{node.ID}</dd>
      <dt>{t("nodes.executors")}</dt>
      <dd>{(node.executors ?? []).join(", ")}</dd>
      <dt>{t("nodes.version")}</dt>
      <dd>{node.version}</dd>
      <dt>{t("nodes.server")}</dt>
      <dd>{node.server}</dd>
      <dt>{t("nodes.since")}</dt>
      <dd>
        <When time={node.started_at} zone={viewerZone} />
      </dd>
      <dt>{t("nodes.heard")}</dt>
      <dd>
        <When time={node.updated_at} zone={viewerZone} />
      </dd>
      {attributes.map(([name, value]) => [<dt key={`${name}:`}>{name}</dt>, <dd key={name}>{value}</dd>])}
    </dl>
  );
}
