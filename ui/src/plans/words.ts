/** Words of plans that more than one page offers. */
export const EXECUTORS = ["shell", "rest", "python", "noop"];
