/** The frames of the wire, version 1, as docs/en/chat-wire.md has them. */

/** What somebody may do in a room. */
export type Role = 'viewer' | 'assistant' | 'cohost' | 'host' | 'operator';

/** Somebody, as they were when they spoke. */
export interface Author {
  id: string;
  name: string;
  avatar: string;
  role: Role;
}

/** One numbered message or event. */
export interface Item {
  seq: number;
  /** When, in milliseconds since 1970. */
  at: number;
  /** Where the show was. */
  media_ms?: number;
  kind: 'text' | 'notice' | 'image' | 'custom' | 'gift' | 'event';
  from?: Author;
  cid?: string;
  reply_to?: number;
  mentions?: string[];
  text?: string;
  url?: string;
  width?: number;
  height?: number;
  name?: string;
  data?: unknown;
  gift?: { id: string; name: string; icon: string; count: number; combo: number; price: number };
  event?: string;
  state?: ShowState;
  message?: number | null;
  user?: string | null;
  until?: number | null;
  on?: boolean;
  explaining?: string | null;
  lottery?: string;
}

export type ShowState = 'scheduled' | 'live' | 'interrupted' | 'ended' | 'banned';

/** The room as a welcome describes it. */
export interface RoomInfo {
  id: string;
  title: string;
  cover: string;
  host: { id: string; name: string; avatar: string };
  state: ShowState;
  /** `app/stream`. */
  stream: string;
  starts_at: number | null;
  live_at: number | null;
  ended_at: number | null;
}

export interface Counters {
  online: number;
  likes: number;
}

export interface Limits {
  text: number;
  every_ms: number;
  burst: number;
  slow_ms: number;
  images: boolean;
  likes: boolean;
  gifts: boolean;
}

export interface Welcome {
  t: 'welcome';
  room: RoomInfo;
  you: Author & { guest: boolean };
  guest: string | null;
  epoch: string;
  seq: number;
  at: number;
  recovered: boolean;
  messages: Item[];
  counters: Counters;
  pinned: Item | null;
  muted: boolean;
  silent: boolean;
  limits: Limits;
  heartbeat_s: number;
}

export interface Batch {
  t: 'batch';
  from?: number;
  to?: number;
  items: Item[];
  counters?: Counters;
  entered?: Entered;
  /** The pinned message or none, when that changed: this client may not have it. */
  pinned?: Item | null;
}

/** Who came in: some by name, all by number. */
export interface Entered {
  names: string[];
  count: number;
}

export interface Resumed {
  t: 'resumed';
  recovered: boolean;
  messages: Item[];
}

export interface Ack {
  t: 'ack';
  cid: string;
  seq: number;
  at: number;
}

export interface Reject {
  t: 'reject';
  cid: string | null;
  code: string;
  retry_after_ms: number | null;
  message: string;
  message_zh: string;
}

export interface GoAway {
  t: 'goaway';
  reconnect_in_ms: number;
  reason: string;
}

export interface Bye {
  t: 'bye';
  code: string;
  message: string;
  message_zh: string;
}

export type Frame = Welcome | Batch | Resumed | Ack | Reject | GoAway | Bye | { t: 'pong'; at: number };

/** What can be said. */
export type Body =
  | { kind?: 'text' | 'notice'; text: string; reply_to?: number; mentions?: string[] }
  | { kind: 'image'; url: string; width: number; height: number }
  | { kind: 'custom'; name: string; data: unknown }
  | { kind: 'gift'; gift: string; count: number };

/** What the host's side can order. */
export interface Order {
  user?: string;
  seq?: number;
  seconds?: number;
  reason?: string;
}
