import { ROOM_STRINGS } from './live-room/words';

/** Every text that people read, Chinese first. `{0}` takes the first argument. */
export const STRINGS = {
  ...ROOM_STRINGS,
  tagline: ['自建直播，一个程序', 'Live shows from your own server'],
  otherLanguage: ['English', '中文'],
  back: ['返回直播列表', 'Back to the list'],

  homeTitle: ['正在直播', 'On air'],
  homeEmptyTitle: ['现在没有直播', 'Nothing is on air'],
  homeEmptyBody: [
    '从 OBS、小程序或 ffmpeg 推流，这里会自动出现。',
    'Push from OBS, a mini-program or ffmpeg; it appears here by itself.',
  ],
  homeAddress: ['1. 在服务器上生成推流地址', '1. On the server, make a push address'],
  homeAddressHint: [
    '它会给出 OBS 的服务器和推流码，以及小程序 live-pusher 用的地址。',
    'It prints the server and stream key for OBS, and the address for live-pusher.',
  ],
  homePush: ['2. 推流，例如用 ffmpeg', '2. Push to it, for example with ffmpeg'],
  homePushAddress: ['推流地址', 'PUSH_ADDRESS'],
  homeOffline: ['连不上服务器，正在重试…', 'The server does not answer; trying again…'],
  homeSigned: ['需要签名的直播不会列在这里。', 'Streams that need a signed address are not listed.'],
  watch: ['观看 {0}', 'Watch {0}'],

  live: ['直播中', 'LIVE'],
  offAir: ['未开播', 'OFF AIR'],
  viewers: ['{0} 人在看', '{0} watching'],
  justNow: ['刚刚开播', 'just started'],
  sinceMinutes: ['已开播 {0} 分钟', 'live for {0} min'],
  sinceHours: ['已开播 {0} 小时 {1} 分', 'live for {0} h {1} min'],

  loading: ['正在加载…', 'Loading…'],
  connecting: ['正在连接…', 'Connecting…'],
  stalled: ['网络有点慢，正在缓冲…', 'The network is slow, buffering…'],
  away: ['主播暂时离开，马上回来', 'The host is away for a moment'],
  awayHint: ['连接保持着，画面恢复后自动继续。', 'Still connected; the picture goes on by itself.'],
  waiting: ['主播还没开播，开播后自动播放', 'Not on air yet; it starts by itself'],
  waitingHint: ['不用刷新，停在这里就好。', 'No need to reload, just stay.'],
  ended: ['直播已结束', 'The show has ended'],
  endedHint: ['主播再次开播时，这里会自动播放。', 'When the host comes back, it plays by itself.'],
  reconnecting: ['连接断开，正在重连…', 'Connection lost, reconnecting…'],
  reconnectingHint: ['请检查网络；恢复后会自动播放。', 'Please check your network; it goes on by itself.'],
  refused: ['无法观看这个直播', 'You cannot watch this stream'],
  refusedHint: [
    '观看地址可能已过期，请向主播要一个新的。',
    'The address may have expired; please ask for a new one.',
  ],
  unsupported: ['这个浏览器放不了 {0}', 'This browser cannot play {0}'],
  unsupportedAny: ['这个浏览器放不了这个直播', 'This browser cannot play this stream'],
  unsupportedHint: [
    '请复制地址，用 VLC、ffplay 或微信小程序播放；也可以请主播改用 H.264 推流。',
    'Copy the address into VLC, ffplay or a WeChat mini-program, or ask the host to push H.264.',
  ],
  blocked: ['点一下开始播放', 'Tap to play'],
  paused: ['已暂停', 'Paused'],
  pausedHint: ['继续时直接回到最新画面。', 'It goes on at the newest picture.'],

  retry: ['重试', 'Try again'],
  play: ['播放', 'Play'],
  copyAddress: ['复制播放地址', 'Copy the address'],
  copy: ['复制', 'Copy'],
  copied: ['已复制', 'Copied'],
  copyFailed: ['请长按选中后复制', 'Select it and copy by hand'],
  tapForSound: ['点按开启声音', 'Tap for sound'],

  controls: ['播放控制', 'Player controls'],
  soundOn: ['开声音', 'Unmute'],
  soundOff: ['静音', 'Mute'],
  fullscreen: ['全屏', 'Full screen'],
  fullscreenExit: ['退出全屏', 'Exit full screen'],
  pip: ['小窗', 'Pop out'],
  reload: ['刷新', 'Reload'],
  pause: ['暂停', 'Pause'],
  again: ['重播', 'Play again'],
  speed: ['倍速', 'Speed'],
  speedOne: ['正常', 'Normal'],
  quality: ['清晰度', 'Quality'],
  qualityAuto: ['自动', 'Auto'],

  seek: ['进度', 'Seek'],
  seekValue: ['{0}，共 {1}', '{0} of {1}'],
  behindValue: ['落后直播 {0}', '{0} behind live'],
  liveNow: ['直播', 'Live'],
  toLive: ['回到直播', 'Back to live'],
  fromStart: ['从头看', 'From the start'],
  rewound: ['正在回看', 'looking back'],

  replay: ['直播回放', 'REPLAY'],
  recording: ['仍在录制', 'STILL RECORDING'],
  recordedOn: ['{0} 开播', 'Started {0}'],
  toRoom: ['去看直播', 'Watch it live'],
  about: ['本场信息', 'About this show'],
  length: ['时长', 'Length'],
  keep: ['分享与下载', 'Share and keep'],
  share: ['分享', 'Share'],
  shareHere: ['从 {0} 开始', 'Start at {0}'],
  download: ['下载 MP4', 'Download MP4'],
  pageAddress: ['回放页面', 'This page'],
  replayAddressesHint: [
    '用于 VLC、ffplay 和小程序的 video',
    'For VLC, ffplay and the video of mini-programs',
  ],
  replayAbsent: ['没有这个回放', 'There is no such replay'],
  replayAbsentHint: ['地址可能抄错了，或者回放已被删除。', 'The address may be wrong, or it was deleted.'],
  replayHidden: ['这个回放暂未公开', 'This replay is not public'],
  replayHiddenHint: ['主播公开之后就能观看。', 'You can watch it once the host makes it public.'],
  replayGone: ['这个回放已过期', 'This replay is gone'],
  replayGoneHint: ['保存期已到，或主播删除了它。', 'Its time was over, or the host deleted it.'],
  replayRefused: ['无法观看这个回放', 'You cannot watch this replay'],
  allLive: ['看看正在直播的', 'See what is on air'],

  figures: ['实时数据', 'Figures'],
  watching: ['观看', 'Watching'],
  delay: ['延迟（估计）', 'Delay (est.)'],
  delayLow: ['很低', 'low'],
  delayNormal: ['正常', 'normal'],
  delayHigh: ['偏高，正在追赶', 'high, catching up'],
  seconds: ['{0} 秒', '{0} s'],
  stalls: ['卡顿', 'Stalls'],
  stallsValue: ['{0} 次', '{0}'],
  stallsTime: ['共 {0} 秒', '{0} s in total'],
  noStalls: ['一直流畅', 'smooth so far'],
  rate: ['码率', 'Bitrate'],
  pictureLabel: ['画面', 'Picture'],
  soundLabel: ['声音', 'Sound'],
  line: ['播放线路', 'Connection'],
  addresses: ['播放地址', 'Addresses'],
  addressesHint: [
    '用于 VLC、ffplay 和小程序的 live-player',
    'For VLC, ffplay and the live-player of mini-programs',
  ],
} as const;

export type Key = keyof typeof STRINGS;
export type Language = 'zh' | 'en';

const STORED = 'weir.language';
let language: Language = 'zh';

/** The language that the page speaks now. */
export function current(): Language {
  return language;
}

/** What the server says, in the language of the page. */
export function said(told: { message: string; message_zh: string }): string {
  return language === 'zh' ? told.message_zh : told.message;
}

/** Takes the viewer's earlier choice, or what the browser asks for. */
export function chooseLanguage(): void {
  setLanguage(stored() ?? preferred(navigator.languages ?? [navigator.language]));
}

/** Switches to the other language and remembers it. */
export function switchLanguage(): void {
  setLanguage(language === 'zh' ? 'en' : 'zh');
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // A private window may have no storage; the choice then holds for this page.
  }
}

/** English for everybody whose first language is not Chinese; a browser that says nothing gets Chinese. */
export function preferred(wanted: readonly string[]): Language {
  const first = wanted[0]?.toLowerCase() ?? 'zh';
  return first.startsWith('zh') ? 'zh' : 'en';
}

/** A text in the current language. */
export function text(key: Key, ...values: (string | number)[]): string {
  return STRINGS[key][language === 'zh' ? 0 : 1].replace(/[{](\d)[}]/g, (_, n: string) =>
    String(values[Number(n)] ?? ''),
  );
}

function setLanguage(to: Language): void {
  language = to;
  document.documentElement.lang = to === 'zh' ? 'zh-CN' : 'en';
}

function stored(): Language | null {
  try {
    const value = localStorage.getItem(STORED);
    return value === 'zh' || value === 'en' ? value : null;
  } catch {
    return null;
  }
}
