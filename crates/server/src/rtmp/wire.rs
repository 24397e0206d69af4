//! How a frame looks to an RTMP player: a message in chunks of the server's size, with the stream's absolute time.

use bytes::{Bytes, BytesMut};
use hub::{Headers, Slot, Wire};
use media::frame::{Frame, Kind};
use media::time::wrapped;
use rtmp::{Event, MediaKind, ServerSession};

use super::Settings;
use crate::fanout::{Ask, Egress, Farewell};
use crate::slots;

/// One RTMP viewer's wire.
pub(super) struct RtmpEgress {
    session: ServerSession,
    chunk_size: u32,
    ping_interval_ms: u64,
    last_ping_ms: Option<u64>,
}

impl RtmpEgress {
    pub(super) fn new(session: ServerSession, settings: &Settings) -> RtmpEgress {
        let ping_interval_ms = u64::try_from(settings.ping_interval.as_millis()).unwrap_or(u64::MAX);
        RtmpEgress { session, chunk_size: settings.chunk_size, ping_interval_ms, last_ping_ms: None }
    }

    fn collect(&mut self, out: &mut Vec<Bytes>) {
        while let Some(bytes) = self.session.poll_output() {
            out.push(bytes);
        }
    }
}

impl Egress for RtmpEgress {
    fn slot(&self) -> Slot {
        slots::RTMP
    }

    fn encode(&self, frame: &Frame) -> Wire {
        let kind = match frame.kind {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
            Kind::Data => MediaKind::Data,
        };
        Wire::new(rtmp::media_message(kind, wrapped(frame.time), &frame.body, self.chunk_size))
    }

    fn begin(&mut self, _headers: &Headers) -> Bytes {
        Bytes::new()
    }

    fn handle_input(
        &mut self,
        input: &[u8],
        out: &mut Vec<Bytes>,
        asks: &mut Vec<Ask>,
    ) -> Result<(), String> {
        let now_ms = self.last_ping_ms.unwrap_or_default();
        let result = self.session.handle_input(input, now_ms);
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Pause(paused) => asks.push(Ask::Pause(paused)),
                Event::ReceiveAudio(wanted) => asks.push(Ask::Audio(wanted)),
                Event::ReceiveVideo(wanted) => asks.push(Ask::Video(wanted)),
                Event::StopPlay => asks.push(Ask::Leave),
                _ => {}
            }
        }
        self.collect(out);
        result.map_err(|error| error.to_string())
    }

    fn tick(&mut self, now_ms: u64, out: &mut Vec<Bytes>) {
        let last = *self.last_ping_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(last) >= self.ping_interval_ms {
            self.last_ping_ms = Some(now_ms);
            self.session.ping(u32::try_from(now_ms & u64::from(u32::MAX)).unwrap_or_default());
            self.collect(out);
        }
    }

    fn finish(&mut self, farewell: &Farewell) -> Bytes {
        self.session.end_play(match farewell {
            Farewell::Ended(_) => "the stream is over / 直播已结束",
            Farewell::TooSlow => "too slow: the network cannot carry this stream / 网络带宽不足，无法播放",
            Farewell::Dismissed(reason) => reason,
            Farewell::Stalled => "nothing was read for too long / 播放端长时间未接收数据",
            Farewell::ShuttingDown => "the server restarts: connect again / 服务器重启中，请重新连接",
        });
        let mut out = Vec::new();
        self.collect(&mut out);
        let mut joined = BytesMut::new();
        out.iter().for_each(|bytes| joined.extend_from_slice(bytes));
        joined.freeze()
    }
}
