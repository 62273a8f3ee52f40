/** A table of any length, of which only the rows in sight are there. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { inSight } from "./sight";

const HEIGHT = 40;

interface Props<Item> {
  items: readonly Item[];
  label: string;
  heads: readonly string[];
  row: (item: Item) => readonly ComponentChildren[];
  keyOf: (item: Item) => string;
  /** Changes whenever what `row` makes of an item may have. */
  version?: number;
  /** The end of what is there has come into sight. */
  more?: () => void;
}

export function Rows<Item>({ items, label, heads, row, keyOf, more }: Props<Item>) {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ top: 0, height: 600 });
  const look = () => {
    const element = box.current;
    if (element) setPlace({ top: element.scrollTop, height: element.clientHeight });
  };
  useLayoutEffect(look, []);
  const { first, last } = inSight(items.length, HEIGHT, place.top, place.height);
  useLayoutEffect(() => {
    if (last >= items.length) more?.();
  }, [last, items.length]);
  return (
    <div class="rows" ref={box} onScroll={look} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={items.length + 1}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <Gap height={first * HEIGHT} columns={heads.length} />}
          {items.slice(first, last).map((item, at) => (
            <tr key={keyOf(item)} aria-rowindex={first + at + 2}>
              {row(item).map((cell, column) => (
                <td key={heads[column]} data-head={heads[column]}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
          {last < items.length && <Gap height={(items.length - last) * HEIGHT} columns={heads.length} />}
        </tbody>
      </table>
    </div>
  );
}

function Gap({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height: `${height}px`, padding: "0" }} />
    </tr>
  );
}
