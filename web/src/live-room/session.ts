import type { ShowRoom } from '../route';

/** Who watches, as this browser knows it. */
export interface Session {
  /** A user token; null: a guest. */
  token: string | null;
  guest: string | null;
}

const GUEST = 'weir.guest';

/**
 * Takes a token out of the address: it stands after the `#`, which no server is sent, and is not left where it would be
 * copied along with the address. It is kept for this tab.
 */
export function session(room: ShowRoom): Session {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    store(() => sessionStorage, tokenName(room), given);
    history.replaceState(history.state, '', location.pathname + location.search);
  }
  return {
    token: given ?? read(() => sessionStorage, tokenName(room)),
    guest: read(() => localStorage, GUEST),
  };
}

/** The same guest next time. */
export function keepGuest(token: string): void {
  store(() => localStorage, GUEST, token);
}

/** The token is no good any more, or is not wanted. */
export function forgetToken(room: ShowRoom): void {
  try {
    sessionStorage.removeItem(tokenName(room));
  } catch {
    // Nothing was kept.
  }
}

/** One who was given another link in the same tab comes in anew. */
export function onNewToken(act: () => void): void {
  window.addEventListener('hashchange', () => location.hash.includes('token=') && act());
}

function tokenName(room: ShowRoom): string {
  return `weir.token.${room.id}`;
}

function read(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name);
  } catch {
    // A private window may have no storage.
    return null;
  }
}

function store(storage: () => Storage, name: string, value: string): void {
  try {
    storage().setItem(name, value);
  } catch {
    // Then it holds for this page.
  }
}
