/** Which page an address means. */
export type Route = { page: 'home' } | { page: 'room'; room: Room };

/** A live room as its address names it. */
export interface Room {
  /** `app/stream`, percent-encoded as it stood in the address: signatures are made over that form. */
  path: string;
  /** The stream's name, for people. */
  name: string;
  /** The query of the address with its question mark, or nothing. It may hold a signature: it is passed on, never shown in a log. */
  query: string;
}

/** Reads the page's address. What is no room is the list. */
export function route(pathname: string, search: string): Route {
  const path = pathname.startsWith('/play/') ? pathname.slice('/play/'.length).replace(/[.]flv$/, '') : '';
  const parts = path.split('/');
  // An empty part would make `//host` out of a path, which is another site.
  if (parts.length < 2 || parts.some((part) => part === '' || part === '.' || part === '..'))
    return { page: 'home' };
  return { page: 'room', room: { path, name: decoded(parts[parts.length - 1] ?? ''), query: search } };
}

/** The address of a room's page, from names as the server lists them. */
export function roomAddress(app: string, stream: string): string {
  return `/play/${[...app.split('/'), stream].map(encodeURIComponent).join('/')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
