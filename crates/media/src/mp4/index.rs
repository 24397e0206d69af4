//! What is where in a file of fragments.

use std::ops::Range;

use super::Track;

/// What a file of fragments holds, without its media bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    /// Where the initialization segment is: from the beginning of the file to the end of the `moov`.
    pub init: Range<u64>,
    /// The tracks of pictures and sound.
    pub tracks: Vec<Track>,
    /// The fragments that are whole, in the order of the file.
    pub fragments: Vec<FragmentInfo>,
}

impl Index {
    /// Where the last whole fragment ends. A file that was cut short is repaired by cutting it here.
    pub fn end(&self) -> u64 {
        self.fragments.last().map_or(self.init.end, |fragment| fragment.range.end)
    }
}

/// A fragment: where it is, and when it is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentInfo {
    /// From the beginning of the `moof` to the end of the `mdat`.
    pub range: Range<u64>,
    /// Its samples, track by track.
    pub runs: Vec<RunInfo>,
}

impl FragmentInfo {
    /// What it holds of a track.
    pub fn run(&self, track_id: u32) -> Option<&RunInfo> {
        self.runs.iter().find(|run| run.track_id == track_id)
    }
}

/// The samples of one track in a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// [`Track::id`].
    pub track_id: u32,
    /// When the first is decoded, in units of the track.
    pub base_time: u64,
    /// How long all are together, in units of the track.
    pub duration: u64,
    /// A decoder can start at the first. True of all sound.
    pub key: bool,
    /// Each of them, where they were asked for.
    pub samples: Vec<SampleInfo>,
}

/// One sample of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleInfo {
    /// Where in the file it is.
    pub offset: u64,
    /// Its bytes.
    pub size: u32,
    /// How long it lasts, in units of the track.
    pub duration: u32,
    /// How much later it is shown than decoded, in units of the track.
    pub composition: i32,
    /// A decoder can start at it.
    pub key: bool,
}
