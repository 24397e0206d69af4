import type { Decodes } from './decide';

interface Kind {
  isTypeSupported(type: string): boolean;
}

/** The browser's Media Source Extensions; iPhones have the managed kind only, since iOS 17.1. */
export function mediaSource(): Kind | null {
  const all = globalThis as unknown as Record<string, Kind | undefined>;
  return all.MediaSource ?? all.ManagedMediaSource ?? null;
}

/** Asks the browser whether it decodes `codecString`. */
export const decodes: Decodes = (kind, codecString) => {
  const source = mediaSource();
  if (!source) return false;
  // MP3 has no string of its own that every browser takes; mpegts.js feeds it as audio/mpeg.
  if (kind === 'audio' && /^(mp3|mp4a[.](6b|69|40[.]34))$/i.test(codecString))
    return source.isTypeSupported('audio/mpeg');
  return source.isTypeSupported(`${kind}/mp4; codecs="${codecString}"`);
};
