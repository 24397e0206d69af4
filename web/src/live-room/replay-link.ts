import { askReplayOf } from './catalogue';

/** When it is asked for, after the show ended: a recording takes a moment to be finished, or as long as it waits for its stream. */
const WAITS_MS = [300, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 60_000];
/** Everybody learns of the end in the same instant. */
const SPREAD_MS = 1_200;

/** Finds the replay of a show that is over. */
export function replayLink(
  room: string,
  token: string | null,
  changed: () => void,
): { readonly page: string | null; render: (ended: boolean) => void } {
  let page: string | null = null;
  let tries: number | null = null;
  let timer = 0;
  const ask = async (number: number) => {
    const found = await askReplayOf(room, token);
    if (tries !== number) return;
    page = found;
    if (found === null) wait(number + 1);
    else changed();
  };
  const wait = (number: number) => {
    tries = number;
    const ms = WAITS_MS[number];
    if (ms !== undefined) timer = window.setTimeout(() => void ask(number), ms + Math.random() * SPREAD_MS);
  };
  const render = (ended: boolean) => {
    if (ended && tries === null) wait(0);
    else if (!ended && tries !== null) {
      clearTimeout(timer);
      [tries, page] = [null, null];
    }
  };
  return {
    get page() {
      return page;
    },
    render,
  };
}
