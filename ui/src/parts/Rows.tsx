/** A table of any length, of which only the rows in sight are there. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { inSight } from "./sight";
import { useSize } from "./use";

const HEIGHT = 40;

interface Props<Item> {
  items: readonly Item[];
  label: string;
  heads: readonly string[];
  row: (item: Item) => readonly ComponentChildren[];
  keyOf: (item: Item) => string;
  /** The end of what is there has come into sight. */
  more?: () => void;
  /** Heads by which the list can be sorted; a press of one chooses it, of the chosen one none. */
  orders?: Orders;
}

export interface Orders {
  /** The word of the order that each head means. */
  readonly words: Readonly<Record<string, string>>;
  readonly chosen: string;
  readonly choose: (word: string) => void;
}

export function Rows<Item>({ items, label, heads, row, keyOf, more, orders }: Props<Item>) {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ top: 0, height: 600 });
  const look = (element: HTMLElement) => setPlace({ top: element.scrollTop, height: element.clientHeight });
  useSize(box, look);
  const { first, last } = inSight(items.length, HEIGHT, place.top, place.height);
  useLayoutEffect(() => {
    if (last >= items.length) more?.();
  }, [last, items.length]);
  return (
    <div class="rows" ref={box} onScroll={(event) => look(event.currentTarget)} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={items.length + 1}>
        <thead>
          <tr>
            {heads.map((head) => (
              <Head key={head} head={head} orders={orders} />
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

function Head({ head, orders }: { head: string; orders: Orders | undefined }) {
  const word = orders?.words[head];
  if (!orders || !word) return <th scope="col">{head}</th>;
  const chosen = orders.chosen === word;
  return (
    <th scope="col" aria-sort={chosen ? "ascending" : "none"}>
      <button type="button" class="order" onClick={() => orders.choose(chosen ? "" : word)}>
        {head} <span aria-hidden="true">{chosen ? "▲" : "△"}</span>
      </button>
    </th>
  );
}

function Gap({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height: `${height}px`, padding: "0" }} />
    </tr>
  );
}
