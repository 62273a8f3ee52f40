/** A small chart of the last ten minutes: lines over time, with their newest values beside their names. */
import { ceiling, KEPT, line, type Point } from "../live/cluster";
import { t } from "../text";

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

interface Props {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly to: number;
  readonly say: (value: number) => string;
}

const WIDTH = 300;
const HEIGHT = 80;
/** What is older is not said to be the newest value. */
const LATELY = 15_000;

export function Chart({ title, lines, to, say }: Props) {
  const most = ceiling(Math.max(0, ...lines.flatMap((one) => one.points.map((point) => point.value ?? 0))));
  const box = { from: to - KEPT, to, most, width: WIDTH, height: HEIGHT };
  const newest = lines.map((one) => ({ name: one.name, value: one.points.findLast((point) => point.at > to - LATELY)?.value }));
  const said = newest.map(({ name, value }) => `${name} ${value === undefined ? "–" : say(value)}`);
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        <ul>
          {said.map((text, number) => (
            <li key={lines[number]?.name} class={`line-${number}`}>
              {text}
            </li>
          ))}
        </ul>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${title}: ${said.join(", ")}`}>
        <path class="grid" d={`M0 ${HEIGHT}H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 0H${WIDTH}`} />
        {lines.map((one, number) => (
          <path key={one.name} class={`line-${number}`} d={line(one.points, box)} />
        ))}
      </svg>
      <small class="soft most" aria-hidden="true">
        {say(most)}
      </small>
      <p class="soft ends" aria-hidden="true">
        <span>{t("chart.begin")}</span>
        <span>{t("chart.end")}</span>
      </p>
    </figure>
  );
}
