import type { AudioTrack, VideoTrack } from './api';
import type { Language } from './strings';

/** `9999`, then `1.2 万` / `12.3K`. */
export function count(value: number, chinese: boolean): string {
  if (value < 10_000) return String(value);
  if (chinese) return `${(value / 10_000).toFixed(1)} 万`;
  return `${(value / 1_000).toFixed(1)}K`;
}

/** `2.4 Mbps`; null for nothing yet. */
export function bitrate(kbps: number): string | null {
  if (!(kbps > 0)) return null;
  return kbps >= 1_000 ? `${(kbps / 1_000).toFixed(1)} Mbps` : `${Math.round(kbps)} kbps`;
}

/** `H.264 · 1280×720 · 30 fps`, of what is known. */
export function picture(live: { video: VideoTrack | null }): string | null {
  const video = live.video;
  if (!video) return null;
  const size = video.width && video.height ? `${video.width}×${video.height}` : null;
  const fps = video.fps ? `${Number(video.fps.toFixed(2))} fps` : null;
  return [video.codec, size, fps].filter(Boolean).join(' · ');
}

/** `AAC · 44.1 kHz`, of what is known. */
export function sound(live: { audio: AudioTrack | null }): string | null {
  const audio = live.audio;
  if (!audio) return null;
  const rate = audio.sample_rate ? `${Number((audio.sample_rate / 1_000).toFixed(2))} kHz` : null;
  return [audio.codec, rate].filter(Boolean).join(' · ');
}

/** Minutes since an RFC 3339 time; null when it cannot be read. A clock that is behind the server's gives 0. */
export function minutesSince(startedAt: string, nowMs: number): number | null {
  const started = Date.parse(startedAt);
  return Number.isNaN(started) ? null : Math.max(0, Math.floor((nowMs - started) / 60_000));
}

/** `4:05`, `1:04:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds)) || 0;
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A time of day in the viewer's own zone: `2026年1月1日 20:00`; null when it cannot be read. */
export function day(moment: string, language: Language): string | null {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return null;
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB';
  return date.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}
