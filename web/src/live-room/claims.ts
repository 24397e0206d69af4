import type { Ack, Reject } from '../chat';

/** The gifts that are claimed before they are given. */
export class Claims {
  /** Whether the server is being asked for one. */
  busy = false;
  private readonly mine = new Set<string>();

  constructor(private readonly ask: (gift: string) => Promise<Ack | Reject>) {}

  has(gift: string): boolean {
    return this.mine.has(gift);
  }

  /** Asks for one; null while another is asked for: a second tap is not a second gift. */
  async claim(gift: string): Promise<Ack | Reject | null> {
    if (this.busy) return null;
    this.busy = true;
    try {
      const answer = await this.ask(gift);
      if (answer.t === 'ack') this.mine.add(gift);
      return answer;
    } finally {
      this.busy = false;
    }
  }

  /** It was given. Whether there is one more is found out by claiming. */
  give(gift: string): void {
    this.mine.delete(gift);
  }
}
