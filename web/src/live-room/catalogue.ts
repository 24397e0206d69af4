import { getAs, isObject } from '../api';

/** Something that can be given. */
export interface Gift {
  id: string;
  name: string;
  icon: string;
  price: number;
  /** Whether it is claimed before it is given. */
  claim: 'none' | 'room' | 'server';
  max_count: number;
  available: boolean;
}

/** Something that is sold. */
export interface Goods {
  id: string;
  name: string;
  cover: string;
  /** A page, or a mini-program's path. */
  url: string;
  /** In hundredths, as are fen. */
  price: number;
  price_to: number | null;
  price_kind: 'one' | 'range' | 'discount';
  explaining: boolean;
}

/** What can be given in a room, and what it is paid with. */
export interface Gifts {
  gifts: Gift[];
  unit: Unit;
}

/** What prices are in; empty when nobody said. */
export interface Unit {
  zh: string;
  en: string;
}

/** What can be given in a room; null when the server does not answer. */
export async function askGifts(room: string): Promise<Gifts | null> {
  const body = await ask(`/api/v1/rooms/${room}/gifts`);
  if (!Array.isArray(body?.gifts)) return null;
  const gifts = (body.gifts as Gift[]).filter((gift) => gift.available);
  return { gifts, unit: isObject(body.unit) ? (body.unit as unknown as Unit) : { zh: '', en: '' } };
}

/** What is sold in a room; null when the server does not answer. */
export function askGoods(room: string): Promise<Goods[] | null> {
  return list<Goods>(`/api/v1/rooms/${room}/public-goods`, 'goods');
}

/** The page that replays the show of a room, for this user; null when there is none yet. */
export async function askReplayOf(room: string, token: string | null): Promise<string | null> {
  const page = (await askPublic(room, token))?.replay;
  return typeof page === 'string' && page.startsWith('/replay/') ? page : null;
}

/** What a page is told of a room, for this user; null when the server does not answer. */
export function askPublic(room: string, token: string | null): Promise<Record<string, unknown> | null> {
  return ask(`/api/v1/rooms/${room}/public`, token);
}

async function list<T>(address: string, name: string): Promise<T[] | null> {
  const all = (await ask(address))?.[name];
  return Array.isArray(all) ? (all as T[]) : null;
}

async function ask(address: string, token: string | null = null): Promise<Record<string, unknown> | null> {
  try {
    const { ok, body } = await getAs(token, address);
    return ok && isObject(body) ? body : null;
  } catch {
    return null;
  }
}
