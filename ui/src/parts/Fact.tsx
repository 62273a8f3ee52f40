/** One line of a list of facts; none where there is nothing to say. */
import type { ComponentChildren } from "preact";

export function Fact({ name, children }: { name: string; children?: ComponentChildren }) {
  if (!children) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
