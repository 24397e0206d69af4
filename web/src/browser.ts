import type { Browser } from './choose';

interface Kind {
  isTypeSupported(type: string): boolean;
}

/** The browser that the page runs in. */
export function browser(): Browser {
  const source = mediaSource();
  const video = document.createElement('video');
  // Chromium says maybe too, since it learned a part of it.
  const hls = video.canPlayType('application/vnd.apple.mpegurl') !== '';
  return {
    mse: source !== null,
    native: hls && navigator.vendor.startsWith('Apple'),
    hls,
    decodes: (kind, codec) => source?.isTypeSupported(type(kind, codec)) === true,
    decodesNative: (kind, codec) => video.canPlayType(type(kind, codec)) !== '',
  };
}

/** The browser's Media Source Extensions; iPhones have the managed kind only, since iOS 17.1. */
function mediaSource(): Kind | null {
  const all = globalThis as unknown as Record<string, Kind | undefined>;
  return all.MediaSource ?? all.ManagedMediaSource ?? null;
}

function type(kind: 'video' | 'audio', codec: string): string {
  // MP3 has no string of its own that every browser takes; a script feeds it as audio/mpeg.
  const mp3 = kind === 'audio' && /^(mp3|mp4a[.](6b|69|40[.]34))$/i.test(codec);
  return mp3 ? 'audio/mpeg' : `${kind}/mp4; codecs="${codec}"`;
}
