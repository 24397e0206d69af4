import type { AudioTrack, VideoTrack } from './api';

/** How the media comes, as the viewer may choose it. */
export type Line = 'http' | 'ws' | 'hls';

/** What plays it: FLV or HLS through Media Source Extensions, or HLS by the browser itself. */
export type Way = 'flv' | 'hls' | 'native';

/** What a browser can do. */
export interface Browser {
  /** Media Source Extensions of either kind. */
  mse: boolean;
  /** Plays HLS by itself, and better than a script could: Apple's. */
  native: boolean;
  /** Plays HLS by itself somehow. */
  hls: boolean;
  /** Decodes a codec when a script feeds it. */
  decodes(kind: 'video' | 'audio', codecString: string): boolean;
  /** Decodes a codec in what it loads by itself. */
  decodesNative(kind: 'video' | 'audio', codecString: string): boolean;
}

/** What a stream is made of and where it can be had. */
export interface Offer {
  video: VideoTrack | null;
  audio: AudioTrack | null;
  flv: boolean;
  hls: boolean;
}

/** What the viewer wants, and what this page found out. */
export interface Wish {
  line: Line;
  /** Looks at what is past, which FLV does not keep. */
  rewound: boolean;
  /** FLV arrived and could not be decoded. */
  flvFailed: boolean;
  /** HLS by the browser itself, as the page's address asked. */
  native: boolean;
}

/** A way, or the name of the codec that stands in all ways; null for one that nobody knows. */
export type Choice = { way: Way } | { way: null; codec: string | null };

/** Chooses: FLV for the least delay, HLS where that cannot be or is not wanted. */
export function choose(offer: Offer, wish: Wish, browser: Browser): Choice {
  const hls = offer.hls ? hlsWay(browser, wish.native) : null;
  const flv = offer.flv && browser.mse && !wish.flvFailed ? ('flv' as const) : null;
  const hlsFirst = wish.line === 'hls' || wish.rewound;
  const ways = (hlsFirst ? [hls, flv] : [flv, hls]).filter((way) => way !== null);
  const way = ways.find((way) => foreign(offer, way, browser) === null);
  if (way) return { way };
  const first = ways[0];
  return { way: null, codec: first ? foreign(offer, first, browser) : null };
}

/** How HLS is played here; null for not at all. */
export function hlsWay(browser: Browser, native: boolean): 'hls' | 'native' | null {
  if (browser.hls && (native || browser.native || !browser.mse)) return 'native';
  return browser.mse ? 'hls' : null;
}

/** The name of a codec that `way` cannot play, if there is one. */
function foreign({ video, audio }: Offer, way: Way, browser: Browser): string | null {
  const decodes = way === 'native' ? browser.decodesNative : browser.decodes;
  if (video?.codec_string && !decodes('video', video.codec_string)) return video.codec;
  if (audio?.codec_string && !decodes('audio', audio.codec_string)) return audio.codec;
  return null;
}
