import type { Room } from './route';

/** Where the page was loaded from. */
export interface Origin {
  protocol: string;
  host: string;
  hostname: string;
}

/** Every address of a stream; RTMP only when the server says that it listens. */
export interface Addresses {
  http: string;
  ws: string;
  hls: string;
  /** HLS from the beginning of the show. */
  fromStart: string;
  rtmp: string | null;
}

/** The addresses that play `room`, all with the query that the page was opened with. */
export function addresses(origin: Origin, room: Room, rtmpPort: number | null): Addresses {
  const secure = origin.protocol === 'https:';
  const hlsQuery = room.hlsQuery ?? room.query;
  const hls = `${secure ? 'https' : 'http'}://${origin.host}/${room.path}.m3u8${hlsQuery}`;
  const port = rtmpPort === 1935 ? '' : `:${rtmpPort}`;
  return {
    http: `${secure ? 'https' : 'http'}://${origin.host}/${room.path}.flv${room.query}`,
    ws: `${secure ? 'wss' : 'ws'}://${origin.host}/${room.path}.flv${room.query}`,
    hls,
    fromStart: `${hls}${hlsQuery ? '&' : '?'}from=start`,
    rtmp: rtmpPort ? `rtmp://${origin.hostname}${port}/${room.path}${room.query}` : null,
  };
}
