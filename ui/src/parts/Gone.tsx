/** In the place of what is there no more: what it was, and a way on. */

interface Props {
  /** Of the page. */
  kind: string;
  id: string;
  text: string;
  address: string;
  others: string;
}

export function Gone({ kind, id, text, address, others }: Props) {
  return (
    <section class={`list ${kind}`}>
      <h1>{id}</h1>
      <p class="fault">{text}</p>
      <a href={address}>{others}</a>
    </section>
  );
}
