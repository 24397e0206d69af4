//! A track: what it is, and its sample description, which says how to set up the decoder.

use bytes::Bytes;

use super::TIMESCALE;
use super::boxes::{Fields, Name, Writer, child, children, descend};
use crate::codec::{Codec, TrackInfo};
use crate::frame::Kind;
use crate::sample::Config;

/// Longest configuration record that is put into a file. Real ones have 2 to some hundred bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// A track of a file that is written or was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its number in the file, from 1.
    pub id: u32,
    /// Picture or sound; never [`Kind::Data`].
    pub kind: Kind,
    /// Units of its times per second.
    pub timescale: u32,
    /// What its sample description says.
    pub info: TrackInfo,
    /// The contents of its `stsd`, which are copied from file to file as they are.
    pub(super) description: Bytes,
    /// What holds for samples of which a fragment says nothing.
    pub(super) defaults: Defaults,
}

/// A sample's duration, size and flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl Track {
    /// `None` for a codec that is not put into MP4 here, and for a record that cannot be one.
    pub fn new(id: u32, config: &Config) -> Option<Track> {
        if config.record.len() > MAX_RECORD_BYTES {
            return None;
        }
        let mut out = Writer::default();
        out.u32(0);
        out.u32(1);
        write_entry(&mut out, config)?;
        Some(Track {
            id,
            kind: config.kind,
            timescale: TIMESCALE,
            info: config.info.clone(),
            description: out.out.into(),
            defaults: Defaults::default(),
        })
    }

    /// The codec's own record, as [`Config::record`] has it; `None` of a codec that is not read here.
    pub fn record(&self) -> Option<Vec<u8>> {
        let (name, entry) = children(self.description.get(8..)?).next()?;
        entry_record(self.kind, &name, entry).map(|(_, record)| record)
    }

    /// Reads the contents of a `trak`. `None` for what is neither picture nor sound.
    pub(super) fn read(trak: &[u8]) -> Option<Track> {
        let mut tkhd = Fields(child(trak, b"tkhd")?);
        let (version, _) = tkhd.full()?;
        tkhd.skip(if version == 0 { 8 } else { 16 })?;
        let id = tkhd.u32()?;
        let mdia = child(trak, b"mdia")?;
        let mut mdhd = Fields(child(mdia, b"mdhd")?);
        let (version, _) = mdhd.full()?;
        mdhd.skip(if version == 0 { 8 } else { 16 })?;
        let timescale = mdhd.u32().filter(|timescale| *timescale > 0)?;
        let kind = match child(mdia, b"hdlr")?.get(8..12)? {
            b"vide" => Kind::Video,
            b"soun" => Kind::Audio,
            _ => return None,
        };
        let description = descend(mdia, &[b"minf", b"stbl", b"stsd"])?;
        let info = read_entry(kind, description.get(8..)?).unwrap_or_else(|| TrackInfo::new(Codec::Other));
        let description = Bytes::copy_from_slice(description);
        Some(Track { id, kind, timescale, info, description, defaults: Defaults::default() })
    }
}

/// Bytes of a visual and of an audio sample entry before the boxes inside them.
const VISUAL_ENTRY: usize = 78;
const AUDIO_ENTRY: usize = 28;

fn write_entry(out: &mut Writer, config: &Config) -> Option<()> {
    let (info, record) = (&config.info, &config.record);
    match info.codec {
        // The record holds the parameter sets, so the names are those that promise it.
        Codec::H264 => visual(out, b"avc1", info, |out| out.boxed(b"avcC", |out| out.bytes(record))),
        Codec::Hevc => visual(out, b"hvc1", info, |out| out.boxed(b"hvcC", |out| out.bytes(record))),
        Codec::Av1 => visual(out, b"av01", info, |out| out.boxed(b"av1C", |out| out.bytes(record))),
        Codec::Vp9 => {
            let record = record.strip_prefix(&[1, 0, 0, 0]).unwrap_or(record);
            visual(out, b"vp09", info, |out| out.full(b"vpcC", 1, 0, |out| out.bytes(record)));
        }
        Codec::Aac => sound(out, b"mp4a", info, |out| elementary_stream(out, record)),
        Codec::Opus => {
            let head = opus_box(record)?;
            sound(out, b"Opus", info, |out| out.boxed(b"dOps", |out| out.bytes(&head)));
        }
        _ => return None,
    }
    Some(())
}

fn visual(out: &mut Writer, name: &[u8; 4], info: &TrackInfo, config: impl FnOnce(&mut Writer)) {
    const DPI_72: u32 = 72 << 16;
    let (width, height) = size(info);
    out.boxed(name, |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(16);
        out.u16(width);
        out.u16(height);
        out.u32(DPI_72);
        out.u32(DPI_72);
        out.u32(0);
        out.u16(1);
        out.zeros(32);
        out.u16(0x18);
        out.u16(0xffff);
        config(out);
    });
}

fn sound(out: &mut Writer, name: &[u8; 4], info: &TrackInfo, config: impl FnOnce(&mut Writer)) {
    const SAMPLE_BITS: u16 = 16;
    let channels = info.channels.and_then(|channels| u16::try_from(channels).ok()).unwrap_or(2);
    // Rates above 65,535 do not fit, and are only in the codec's own record.
    let rate = info.sample_rate.and_then(|rate| u16::try_from(rate).ok()).unwrap_or(0);
    out.boxed(name, |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(8);
        out.u16(channels);
        out.u16(SAMPLE_BITS);
        out.zeros(4);
        out.u32(u32::from(rate) << 16);
        config(out);
    });
}

/// Width and height as MP4 can say them; 0 when they are not known.
pub(super) fn size(info: &TrackInfo) -> (u16, u16) {
    let side = |side: Option<u32>| side.and_then(|side| u16::try_from(side).ok()).unwrap_or(0);
    (side(info.width), side(info.height))
}

mod descriptor {
    pub(super) const ES: u8 = 3;
    pub(super) const DECODER_CONFIG: u8 = 4;
    pub(super) const DECODER_SPECIFIC: u8 = 5;
    pub(super) const SYNC_LAYER: u8 = 6;
}

/// An `esds` (ISO/IEC 14496-14 section 5.6) around an audio specific configuration.
fn elementary_stream(out: &mut Writer, record: &[u8]) {
    const MPEG4_AUDIO: u8 = 0x40;
    const AUDIO_STREAM: u8 = 5 << 2 | 1;
    /// Bytes of a decoder configuration before the record, and of a stream's head before that.
    const DECODER_HEAD: usize = 13;
    const STREAM_HEAD: usize = 3;
    /// Bytes of a descriptor's tag and length.
    const TAG: usize = 5;
    let decoder_len = DECODER_HEAD + TAG + record.len();
    out.full(b"esds", 0, 0, |out| {
        descriptor_head(out, descriptor::ES, STREAM_HEAD + TAG + decoder_len + TAG + 1);
        out.zeros(STREAM_HEAD);
        descriptor_head(out, descriptor::DECODER_CONFIG, decoder_len);
        out.u8(MPEG4_AUDIO);
        out.u8(AUDIO_STREAM);
        // Buffer size and bit rates, which are not known.
        out.zeros(11);
        descriptor_head(out, descriptor::DECODER_SPECIFIC, record.len());
        out.bytes(record);
        descriptor_head(out, descriptor::SYNC_LAYER, 1);
        // Predefined for MP4.
        out.u8(2);
    });
}

/// A tag, and a length in four bytes of seven bits.
fn descriptor_head(out: &mut Writer, tag: u8, len: usize) {
    out.u8(tag);
    for shift in [21, 14, 7] {
        out.u8((len >> shift & 0x7f) as u8 | 0x80);
    }
    out.u8((len & 0x7f) as u8);
}

/// The contents of the descriptor with this tag, and what is behind it.
fn read_descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, mut rest) = bytes.split_first()?;
    let mut len = 0;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if *found == tag { rest.get(..len) } else { None }
}

/// The audio specific configuration inside an `esds`.
fn read_elementary_stream(esds: &[u8]) -> Option<&[u8]> {
    let stream = read_descriptor(esds.get(4..)?, descriptor::ES)?;
    // None of the three optional parts is allowed in a file.
    let decoder = read_descriptor(stream.get(3..)?, descriptor::DECODER_CONFIG)?;
    read_descriptor(decoder.get(13..)?, descriptor::DECODER_SPECIFIC)
}

/// The contents of a `dOps` (Encapsulation of Opus in ISO Base Media File Format, section 4.3.2): the same facts as
/// in `OpusHead`, in the other byte order and with another version.
fn opus_box(record: &[u8]) -> Option<Vec<u8>> {
    let [_version, channels, skip0, skip1, r0, r1, r2, r3, gain0, gain1, family, mapping @ ..] =
        record.strip_prefix(b"OpusHead")?
    else {
        return None;
    };
    let mut head = vec![0, *channels, *skip1, *skip0, *r3, *r2, *r1, *r0, *gain1, *gain0, *family];
    if *family != 0 {
        head.extend_from_slice(mapping.get(..2 + usize::from(*channels))?);
    }
    Some(head)
}

/// An `OpusHead` with the facts of a `dOps`.
fn opus_head(dops: &[u8]) -> Option<Vec<u8>> {
    let [_version, channels, skip1, skip0, r3, r2, r1, r0, gain1, gain0, rest @ ..] = dops else {
        return None;
    };
    let head = [1, *channels, *skip0, *skip1, *r0, *r1, *r2, *r3, *gain0, *gain1];
    Some([b"OpusHead".as_slice(), &head, rest].concat())
}

/// The FourCC and the record that a sample entry holds.
fn entry_record(kind: Kind, name: &Name, entry: &[u8]) -> Option<(&'static [u8; 4], Vec<u8>)> {
    let inside = entry.get(if kind == Kind::Video { VISUAL_ENTRY } else { AUDIO_ENTRY }..)?;
    Some(match (kind, name) {
        (Kind::Video, b"avc1" | b"avc3") => (b"avc1", child(inside, b"avcC")?.to_vec()),
        (Kind::Video, b"hvc1" | b"hev1") => (b"hvc1", child(inside, b"hvcC")?.to_vec()),
        (Kind::Video, b"av01") => (b"av01", child(inside, b"av1C")?.to_vec()),
        (Kind::Video, b"vp09") => (b"vp09", child(inside, b"vpcC")?.get(4..)?.to_vec()),
        (Kind::Audio, b"mp4a") => (b"mp4a", read_elementary_stream(child(inside, b"esds")?)?.to_vec()),
        (Kind::Audio, b"Opus") => (b"Opus", opus_head(child(inside, b"dOps")?)?),
        _ => return None,
    })
}

/// What the first of these sample entries says.
fn read_entry(kind: Kind, entries: &[u8]) -> Option<TrackInfo> {
    let (name, entry) = children(entries).next()?;
    let (four_cc, record) = entry_record(kind, &name, entry)?;
    // Enhanced RTMP's sequence header, which begins alike for picture and sound.
    let body = [&[0x90], four_cc.as_slice(), &record].concat();
    let mut info = TrackInfo::from_config(kind, &body.into())?;
    if kind == Kind::Video && info.width.is_none() {
        let side = |at: usize| match entry.get(at..at + 2) {
            Some([high, low]) => Some(u32::from(u16::from_be_bytes([*high, *low]))).filter(|side| *side > 0),
            _ => None,
        };
        (info.width, info.height) = (side(24), side(26));
    }
    Some(info)
}
