/** So often in a row an address may bring nothing although the server says that it is there; then the browser cannot. */
export const DOUBTS_MAX = 3;

/**
 * How often the browser said that it cannot play an address of which it had nothing yet. It says the same of a codec, of
 * a refusal and of no network, and a player is gone after it, so whoever makes the next one keeps the number.
 */
export class Doubts {
  private count = 0;

  /** Once more. Returns whether it may still be the network or the server. */
  again(): boolean {
    if (++this.count <= DOUBTS_MAX) return true;
    this.count = 0;
    return false;
  }

  /** It can be played. */
  forget(): void {
    this.count = 0;
  }
}
