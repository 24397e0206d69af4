import type { Bye } from '../chat';
import type { Key } from '../strings';

/** What is said to whom the server does not want here, and what they can do. */
export interface Ending {
  title: Key | null;
  /** What stands under it where the server's own words do not. */
  hint: Key | null;
  /** Whether the server says it better than the hint. */
  said: boolean;
  action: 'asGuest' | 'comeBack' | 'allLive';
}

/**
 * `not_allowed` is three things. Whoever was inside was put out, and may come back; whoever was not let in has a token
 * that is not good, any more if it was before, and comes no further with it: as a guest perhaps.
 */
export function ending({ code }: Bye, inside: boolean, known: boolean): Ending {
  if (code === 'not_found') return { title: 'noRoom', hint: 'noRoomHint', said: false, action: 'allLive' };
  if (code === 'banned') return { title: 'bannedHere', hint: null, said: false, action: 'allLive' };
  if (code !== 'not_allowed') return { title: null, hint: null, said: true, action: 'comeBack' };
  if (inside) return { title: 'kicked', hint: null, said: false, action: 'comeBack' };
  return { title: known ? 'tokenOver' : 'signIn', hint: 'signInHint', said: true, action: 'asGuest' };
}
