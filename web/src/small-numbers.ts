import type { HlsConfig, LoaderCallbacks, LoaderConfiguration, LoaderContext } from 'hls.js';

const SEQUENCE = /^(#EXT-X-DISCONTINUITY-SEQUENCE:)(\d+)/m;

/**
 * Numbers the discontinuities of a playlist from the first that was seen on. The server's begin where its clock is, and
 * hls.js walks through all numbers below at every reload: 100 million of them stop the page for seconds.
 */
export class SmallNumbers {
  private first: number | null = null;

  apply(playlist: string): string {
    return playlist.replace(SEQUENCE, (_, tag: string, digits: string) => {
      const number = Number(digits);
      this.first ??= number;
      return `${tag}${Math.max(0, number - this.first)}`;
    });
  }
}

/** A loader of playlists, made of hls.js's own, that gives them small numbers. */
export function smallNumbersLoader(library: typeof import('hls.js')): HlsConfig['pLoader'] {
  const numbers = new SmallNumbers();
  const Loader = class extends library.default.DefaultConfig.loader {
    load(context: LoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>) {
      const { onSuccess } = callbacks;
      super.load(context, config, {
        ...callbacks,
        onSuccess: (response, ...rest) => {
          if (typeof response.data === 'string') response.data = numbers.apply(response.data);
          onSuccess(response, ...rest);
        },
      });
    }
  };
  // Its type asks for the fields of a playlist's context, which are passed on as they are.
  return Loader as unknown as HlsConfig['pLoader'];
}
