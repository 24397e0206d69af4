const FIRST_MS = 600;
const LONGEST_MS = 15_000;
/** How often a page asks for a host who is not there. */
const WAIT_MS = 3_000;

/**
 * How long to wait before the attempt `attempt`, counted from 0. The upper half is random: when a server restarts,
 * all its viewers lose it in the same instant and must not come back in one.
 */
export function backoff(attempt: number, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return whole / 2 + (whole / 2) * random;
}

/** How long to wait before asking again whether the host has begun. */
export function waiting(random: number): number {
  return WAIT_MS * (0.7 + 0.6 * random);
}
