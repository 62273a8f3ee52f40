/** A status as a color; the word stands beside it. */
export function StatusDot({ status }: { status: string }) {
  return <i class={`dot is-${/^[a-z]+$/.test(status) ? status : "other"}`} aria-hidden="true" />;
}
