/** Around every view: the pages, the state of the connection, the viewer's choices. */
import { useSignalEffect } from "@preact/signals";
import { phase, reason, store } from "../live";
import { Guard } from "../parts/Guard";
import { Later } from "../parts/Later";
import { path, query, to, type View, view } from "../route";
import { language, type Language, theme, type Theme, viewerZone, zone, type Zone } from "../settings";
import { t } from "../text";
import type { Key } from "../text/en";
import { MapPage } from "./MapPage";
import { PlanPage } from "./PlanPage";
import { PlansPage } from "./PlansPage";
import { RunPage } from "./RunPanel";
import { RunsPage } from "./RunsPage";

const PAGES: readonly { readonly name: Key; readonly address: string; readonly views: readonly View["page"][] }[] = [
  { name: "nav.map", address: to.map(), views: ["map"] },
  { name: "nav.plans", address: to.plans(), views: ["plans", "plan"] },
  { name: "nav.runs", address: to.runs(), views: ["runs", "run"] },
  { name: "nav.timeline", address: to.timeline(), views: ["timeline"] },
  { name: "nav.nodes", address: to.nodes(), views: ["nodes", "node"] },
  { name: "nav.cluster", address: to.cluster(), views: ["cluster"] },
];

const loadTimeline = () => import("./TimelinePage").then((page) => page.TimelinePage);
const loadNodes = () => import("./NodesPage").then((page) => page.NodesPage);
const loadCluster = () => import("./ClusterPage").then((page) => page.ClusterPage);

export function Shell() {
  const here = view(path.value);
  const page = PAGES.find((one) => one.views.includes(here.page));
  useSignalEffect(() => {
    document.title = titleOf(view(path.value));
  });
  return (
    <>
      <a class="skip" href="#main">
        {t("app.skip")}
      </a>
      <header class="top">
        <a class="brand" href={to.map()}>
          <img src="/ui/icon.svg" alt="" width="22" height="22" />
          jobpool
        </a>
        <nav aria-label={t("app.nav")}>
          {PAGES.map((one) => (
            <a key={one.name} href={one.address} aria-current={one === page ? "page" : undefined}>
              {t(one.name)}
            </a>
          ))}
          <a href="/docs">{t("nav.api")}</a>
        </nav>
        <Connection />
        <Choices />
      </header>
      {phase.value === "lost" && (
        <p class="banner" role="alert" title={reason.value}>
          {t("phase.lost")}
        </p>
      )}
      <main id="main" tabIndex={-1}>
        <Guard place={`${path.value}?${query.value}`}>
          <Page view={here} />
        </Guard>
      </main>
    </>
  );
}

/** What a tab, a bookmark or a reader of the screen tells the page by: what it shows first. */
function titleOf(here: View): string {
  const page = PAGES.find((one) => one.views.includes(here.page));
  return [subject(here), page ? t(page.name) : "", "jobpool"].filter(Boolean).join(" · ");
}

/** A name that is not plain stays out: it would be read as a part of the browser. */
function subject(here: View): string {
  const plain = (name: string | undefined) => (name && /^[\w .:@-]{1,80}$/.test(name) ? name : "");
  if (here.page === "plan" || here.page === "run") return plain(here.id);
  if (here.page !== "node") return "";
  store.version.value;
  return plain(store.nodes.get(here.id)?.name) || plain(here.id);
}

function Page({ view: here }: { view: View }) {
  switch (here.page) {
    case "map":
      return <MapPage />;
    case "plans":
      return <PlansPage />;
    case "plan":
      return <PlanPage key={`${here.namespace}/${here.id}`} namespace={here.namespace} id={here.id} />;
    case "runs":
      return <RunsPage />;
    case "run":
      return <RunPage key={here.id} id={here.id} />;
    case "cluster":
      return <Later load={loadCluster} />;
    case "nodes":
    case "node":
      return <Later load={loadNodes} />;
    case "timeline":
      return <Later load={loadTimeline} />;
    default:
      return (
        <div class="empty">
          <p>{t("page.none")}</p>
          <a href={to.map()}>{t("page.home")}</a>
        </div>
      );
  }
}

function Connection() {
  const now = phase.value;
  return (
    <span class={`phase ${now}`} role="status" data-phase={now}>
      {t(now === "lost" ? "phase.lost.short" : `phase.${now}`)}
    </span>
  );
}

function Choices() {
  return (
    <div class="choices">
      <select aria-label={t("zone.label")} value={zone.value} onChange={(event) => (zone.value = event.currentTarget.value as Zone)}>
        <option value="plan">{t("zone.plan")}</option>
        <option value="viewer">{t("zone.viewer", { zone: viewerZone })}</option>
      </select>
      <select aria-label={t("theme.label")} value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
        <option value="system">{t("theme.system")}</option>
        <option value="light">{t("theme.light")}</option>
        <option value="dark">{t("theme.dark")}</option>
      </select>
      <select
        aria-label={t("lang.label")}
        value={language.value}
        onChange={(event) => (language.value = event.currentTarget.value as Language)}
      >
        <option value="en">English</option>
        <option value="zh">中文</option>
      </select>
    </div>
  );
}
