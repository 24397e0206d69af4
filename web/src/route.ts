/** Which page an address means. */
export type Route =
  | { page: 'home' }
  | { page: 'room'; room: Room; player: string | null }
  | { page: 'show'; show: ShowRoom; player: string | null }
  | { page: 'replay'; replay: Replay; player: string | null };

/** A live room as its address names it. */
export interface Room {
  /** `app/stream`, percent-encoded as it stood in the address: signatures are made over that form. */
  path: string;
  /** The stream's name, for people. */
  name: string;
  /** The query of the address with its question mark, or nothing. It may hold a signature: it is passed on, never shown in a log. */
  query: string;
  /** The query of HLS where it has one of its own: some signatures are over the path. */
  hlsQuery?: string;
}

/** A room with its chat as its address names it. */
export interface ShowRoom {
  id: string;
  /** As a stream's: it may sign what the room plays. */
  query: string;
}

/** A replay as its address names it. */
export interface Replay {
  id: string;
  /** As a room's. */
  query: string;
  /** Where to begin, in seconds. */
  at: number;
  /** The room whose chat is shown beside it. */
  room: string | null;
}

const ROOM = /^[A-Za-z0-9_-]{1,64}$/;

/** Reads the page's address. What is no room and no replay is the list. */
export function route(pathname: string, search: string): Route {
  const own = new URLSearchParams(search);
  const player = own.get('player');
  const id = /^[/]replay[/]([A-Za-z0-9_-]+)[/]?$/.exec(pathname)?.[1];
  if (id)
    return {
      page: 'replay',
      replay: {
        id,
        query: without(search, ['player', 't', 'room']),
        at: secondsIn(own.get('t')),
        room: ROOM.exec(own.get('room') ?? '')?.[0] ?? null,
      },
      player,
    };
  const room = /^[/]r[/]([^/]+)[/]?$/.exec(pathname)?.[1];
  if (room && ROOM.test(room))
    return { page: 'show', show: { id: room, query: without(search, ['player']) }, player };
  const path = pathname.startsWith('/play/') ? pathname.slice('/play/'.length).replace(/[.]flv$/, '') : '';
  const parts = path.split('/');
  // An empty part would make `//host` out of a path, which is another site.
  if (parts.length < 2 || parts.some((part) => part === '' || part === '.' || part === '..'))
    return { page: 'home' };
  const name = decoded(parts[parts.length - 1] ?? '');
  return { page: 'room', room: { path, name, query: without(search, ['player']) }, player };
}

/** The address of a room's page, from names as the server lists them. */
export function roomAddress(app: string, stream: string): string {
  return `/play/${[...app.split('/'), stream].map(encodeURIComponent).join('/')}`;
}

/** `75`, `75s`, `1m15s`, `1h2m3s`, in seconds; 0 for what is none of them. */
export function secondsIn(value: string | null): number {
  const found = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6}(?:[.]\d+)?)s?)?$/.exec(value ?? '');
  const [hours = 0, minutes = 0, seconds = 0] = (found?.slice(1) ?? []).map((part) => Number(part ?? 0));
  return hours * 3_600 + minutes * 60 + seconds;
}

/** A query without some of its fields; the others stay as they are written, because a signature may be over them. */
function without(search: string, names: string[]): string {
  const parts = search.replace(/^[?]/, '').split('&');
  const kept = parts.filter((part) => part !== '' && !names.includes(part.split('=')[0] ?? ''));
  return kept.length > 0 ? `?${kept.join('&')}` : '';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
