/** Why something is as it is: the server's findings in the viewer's language, what stands in the way first. */
import type { Finding } from "../api/types";
import { nodeName } from "../live/names";
import { to } from "../route";
import { language, viewerZone, zone as chosen } from "../settings";
import { t } from "../text";
import { said } from "../text/why";

export function Findings({ data, zone }: { data: readonly Finding[]; zone: string | undefined }) {
  return (
    <ul class="why">
      {data.map((finding) => (
        <One key={`${finding.code} ${finding.since} ${finding.facts?.attempt}`} finding={finding} zone={chosen.value === "viewer" ? viewerZone : (zone ?? "")} />
      ))}
    </ul>
  );
}

function One({ finding, zone }: { finding: Finding; zone: string }) {
  const run = finding.facts?.job ?? finding.facts?.rerun_of;
  const { text, remedy, commands } = said(finding, language.value, zone, nodeName);
  return (
    <li class={finding.blocks ? "blocks" : ""} data-code={finding.code} title={text === finding.text ? undefined : finding.text}>
      {text} {remedy && <em>{remedy}</em>}
      {commands.map((command) => (
        <>
          {" "}
          <code>{command}</code>
        </>
      ))}
      {run && (
        <>
          {" "}
          <a href={to.run(run)}>{t("run.see")}</a>
        </>
      )}
    </li>
  );
}
