/** Looking words up that come from elsewhere. Pure. */

/** What a table has under a word, and not what every object has: `constructor` and `__proto__` are words like others. */
export function ownOf<Value>(table: Readonly<Record<string, Value>>, word: string): Value | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
