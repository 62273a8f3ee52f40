/** The cluster: servers, who leads, queues, latencies, the last ten minutes, what happened lately. */
import "../styles/cluster.css";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../api/client";
import type { Cluster, ClusterEvent, ClusterSample, ClusterServer } from "../api/types";
import { attended } from "../live/attention";
import { at, type Known, NOTHING, told, watchCluster } from "../live/cluster";
import { Chart } from "../parts/Chart";
import { When } from "../parts/When";
import { viewerZone } from "../settings";
import { bytes, number, percent, stated, t } from "../text";
import { isKey } from "../text/words";
import { span } from "../time";

const SHOWN = 50;

export function ClusterPage() {
  const [known, setKnown] = useState<Known>(NOTHING);
  const [broken, setBroken] = useState<Error>();
  const looked = attended.value;
  useEffect(() => {
    if (!looked) return;
    const abort = new AbortController();
    const tell = (answer: Cluster) => {
      setBroken(undefined);
      setKnown((before) => told(before, answer));
    };
    void watchCluster(tell, setBroken, abort.signal);
    return () => abort.abort();
  }, [looked]);
  const { now } = known;
  return (
    <section class="cluster" data-term={now?.term}>
      <h1>{t("cluster.title")}</h1>
      {broken && (
        <p class="fault" role="alert">
          {t("cluster.broken")} {broken instanceof Refused && broken.message}
        </p>
      )}
      {now ? <Whole now={now} known={known} /> : <p class="soft">{t("list.loading")}</p>}
    </section>
  );
}

function Whole({ now, known }: { now: Cluster; known: Known }) {
  return (
    <>
      <Leader now={now} />
      <Servers servers={now.servers ?? []} now={at(known.samples.at(-1)) || Date.now()} />
      <Charts samples={known.samples} />
      <Numbers now={now} />
      <Events events={known.events} />
    </>
  );
}

function Leader({ now }: { now: Cluster }) {
  const silent = (now.servers ?? []).filter((one) => !one.status).length;
  return (
    <p class="leads" role="status">
      {now.leader_id ? (
        <>
          <b data-leader={now.leader_id}>{t("cluster.leads", { name: now.leader_name || now.leader_id })}</b>{" "}
          <span class="soft">
            {t("cluster.term", { term: now.term ?? 0 })} <When time={now.led_since} zone={viewerZone} />
          </span>
        </>
      ) : (
        <b class="fault">{t("cluster.leaderless")}</b>
      )}
      {silent > 0 && <b class="fault"> {t("cluster.silent", { n: silent })}</b>}
      {now.queues?.pause && <b class="fault"> {t("cluster.paused", { by: now.queues.pause.by ?? "" })}</b>}
    </p>
  );
}

/** `now`: by the server's clock. */
function Servers({ servers, now }: { servers: readonly ClusterServer[]; now: number }) {
  const heads = ["name", "role", "version", "engine", "up", "n", "lag", "agents", "store", "state"] as const;
  return (
    <div class="sheet" tabIndex={0} role="region" aria-label={t("cluster.servers")}>
      <table>
        <caption class="quiet">{t("cluster.servers")}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {t(`cluster.${head}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {servers.map((one) => (
            <Server key={one.server?.id} told={one} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Server({ told: { server, status, error }, now }: { told: ClusterServer; now: number }) {
  return (
    <tr data-server={server?.name} data-answers={status ? "yes" : "no"}>
      <th scope="row" translate={false}>
        {server?.name || server?.id} <small class="soft">{server?.url}</small>
      </th>
      <td>
        {status?.is_leader && <span class="role strong">{t("cluster.leader")}</span>}
        {status?.raft_leader && <span class="role">{t("cluster.raft")}</span>}
        {status?.is_learner && <span class="role">{t("cluster.learner")}</span>}
      </td>
      <td>{server?.version}</td>
      <td>{status ? `${status.engine} ${status.etcd_version ?? ""}` : ""}</td>
      <td>{status?.started_at && span(Math.max(0, now - Date.parse(status.started_at)))}</td>
      <td>{number(Number(status?.n ?? server?.n ?? 0))}</td>
      <td>{status ? number(Number(status.lag ?? 0)) : ""}</td>
      <td>{status ? number(status.agents ?? 0) : ""}</td>
      <td>{status && room(Number(status.db_size_in_use ?? 0), Number(status.db_size ?? 0), Number(status.db_quota ?? 0))}</td>
      <td class={status && !status.errors?.length ? "" : "fault"}>
        {status ? status.errors?.join("; ") || t("cluster.well") : t("cluster.away")}
        {!status && error && <small lang="en">{error}</small>}
      </td>
    </tr>
  );
}

function room(used: number, size: number, quota: number): string {
  const there = `${bytes(used)} / ${bytes(size)}`;
  return quota ? `${there} (${t("cluster.quota", { part: percent(used, quota), quota: bytes(quota) })})` : there;
}

function Charts({ samples }: { samples: readonly ClusterSample[] }) {
  const to = at(samples.at(-1)) || Date.now();
  const points = (value: (one: ClusterSample) => number | undefined) => samples.map((one) => ({ at: at(one), value: value(one) }));
  const known = (one: ClusterSample, value: number | undefined) => (one.of_leader ? (value ?? 0) : undefined);
  const spread = (of: "commit" | "lateness", part: "p50" | "p99") =>
    points((one) => (one[of]?.count ? (one[of]?.[part] ?? 0) : undefined)).filter((point) => point.value !== undefined); // nothing committed or begun is no gap
  const quantiles = (of: "commit" | "lateness") => [
    { name: t("cluster.p50"), points: spread(of, "p50") },
    { name: t("cluster.p99"), points: spread(of, "p99") },
  ];
  const second = (one: ClusterSample, count: number | undefined) => ((count ?? 0) * 1000) / (one.span_ms || 2000);
  return (
    <div class="charts" role="group" aria-label={t("cluster.minutes")}>
      <Chart
        title={t("cluster.queues")}
        to={to}
        say={number}
        lines={[
          { name: t("cluster.ready"), points: points((one) => known(one, (one.ready ?? 0) + (one.unacked ?? 0))) },
          { name: t("cluster.blocked"), points: points((one) => known(one, one.blocked)) },
          { name: t("cluster.commands"), points: points((one) => known(one, one.commands)) },
        ]}
      />
      <Chart title={t("cluster.commit")} to={to} say={span} lines={quantiles("commit")} />
      <Chart title={t("cluster.lateness")} to={to} say={span} lines={quantiles("lateness")} />
      <Chart
        title={t("cluster.runs")}
        to={to}
        say={(value) => number(Math.round(value * 10) / 10)}
        lines={[
          { name: t("cluster.ended"), points: points((one) => second(one, one.ended)) },
          { name: t("cluster.failed"), points: points((one) => second(one, one.failed)) },
        ]}
      />
    </div>
  );
}

function Numbers({ now }: { now: Cluster }) {
  const queues = now.queues;
  const waits = (queues?.total_waiting ?? 0) + (queues?.total_delayed ?? 0);
  const late = (told: Cluster["commit"]) =>
    told?.count ? t("cluster.spread", { p50: span(told.p50 ?? 0), p99: span(told.p99 ?? 0), longest: span(told.longest ?? 0) }) : t("cluster.none");
  return (
    <dl class="facts">
      <dt>{t("cluster.evaluations")}</dt>
      <dd>
        {queues
          ? t("cluster.depths", {
              ready: number(queues.total_ready ?? 0),
              taken: number(queues.total_unacked ?? 0),
              blocked: number(queues.total_blocked ?? 0),
              waiting: number(waits),
            })
          : t("cluster.unknown")}
      </dd>
      <dt>{t("cluster.overlay")}</dt>
      <dd>{queues ? number(now.commands ?? 0) : t("cluster.unknown")}</dd>
      <dt>{t("cluster.commit.recent")}</dt>
      <dd>{late(now.commit)}</dd>
      <dt>{t("cluster.lateness.recent")}</dt>
      <dd>{late(now.lateness)}</dd>
    </dl>
  );
}

function Events({ events }: { events: readonly ClusterEvent[] }) {
  const [all, setAll] = useState(false);
  const shown = [...events].reverse().slice(0, all ? undefined : SHOWN);
  return (
    <>
      <h2>{t("cluster.events")}</h2>
      {events.length === 0 && <p class="soft">{t("cluster.events.none")}</p>}
      <ol class="events" aria-live="polite" aria-relevant="additions">
        {shown.map((event) => (
          <li key={event.id} class={event.level === "warning" ? "warning" : ""} data-event={event.kind}>
            <When time={event.time} zone={viewerZone} /> <span>{said(event)}</span>
          </li>
        ))}
      </ol>
      {events.length > shown.length && (
        <button type="button" onClick={() => setAll(true)}>
          {t("cluster.events.all", { n: events.length })}
        </button>
      )}
    </>
  );
}

function said(event: ClusterEvent): string {
  const key = `event.${event.kind}`;
  const more = (event.count ?? 1) > 1 ? ` ${t("event.more", { n: (event.count ?? 1) - 1 })}` : "";
  const subject = (event.subject ?? "") + more;
  const words = isKey(key) ? t(key, { subject }) : `${event.kind} ${subject}`;
  return event.text ? `${words}: ${stated(event.text)}` : words;
}
