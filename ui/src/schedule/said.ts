/** A phrase in both languages. Pure. */
export interface Said {
  readonly en: string;
  readonly zh: string;
}

export function list(parts: readonly string[], language: keyof Said): string {
  if (language === "zh" || parts.length < 2) return parts.join("、");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
