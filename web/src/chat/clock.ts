/** Time and chance, so that tests can have their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once; the answer takes it back. */
  later(ms: number, act: () => void): () => void;
  /** From 0 to 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  later: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/**
 * How long to wait before coming back for the time `attempt`, counted from 0. The upper half is random: all who lost
 * a server lost it in the same instant.
 */
export function delay(attempt: number, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return whole / 2 + (whole / 2) * random;
}
