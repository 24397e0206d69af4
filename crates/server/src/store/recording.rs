//! What the index knows about a recording and its files.

/// A show that was recorded, or is being recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its name: digits and lower-case letters; ids sort by the time at which recordings began.
    pub id: String,
    /// All of the stream's name but the last part.
    pub app: String,
    /// The last part.
    pub stream: String,
    /// Where its files are, below the folder of recordings.
    pub folder: String,
    /// When its first frame came, in milliseconds since 1970.
    pub started_ms: i64,
    /// When its last frame came; `None` while it goes on.
    pub ended_ms: Option<i64>,
    /// Where it is in its life.
    pub state: State,
    /// Why it ended, as a word for programs: `ended`, `stopped`, `disk_full`, `crash`. Empty while it goes on.
    pub reason: String,
    /// Milliseconds of media in all parts.
    pub duration_ms: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Its codecs as RFC 6381 names them, with commas between.
    pub codecs: String,
    /// Times that something is missing because the disk could not keep up.
    pub gaps: u64,
    /// Not shown to viewers.
    pub hidden: bool,
    /// When it may be deleted, in milliseconds since 1970; `None`: never.
    pub expires_ms: Option<i64>,
    /// How much it was watched. Who writes a recording does not know, and leaves it as it is.
    pub watched: Watched,
}

/// How much a recording was watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watched {
    /// How often somebody began to watch it.
    pub views: u64,
    /// Bytes of all answers.
    pub bytes: u64,
}

impl Recording {
    /// One that has just begun, without a folder yet.
    pub fn begun(id: &str, (app, stream): (&str, &str), started_ms: i64) -> Recording {
        Recording {
            id: id.to_owned(),
            app: app.to_owned(),
            stream: stream.to_owned(),
            folder: String::new(),
            started_ms,
            ended_ms: None,
            state: State::Recording,
            reason: String::new(),
            duration_ms: 0,
            bytes: 0,
            codecs: String::new(),
            gaps: 0,
            hidden: false,
            expires_ms: None,
            watched: Watched::default(),
        }
    }
}

/// Where a recording is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Frames are written, or the stream is waited for.
    Recording,
    /// Somebody paused it.
    Paused,
    /// It ended in good order, or was closed after a crash: everything in its files can be played.
    Finished,
    /// It could not be written any further. What was written before can be played.
    Failed,
}

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The recording's id.
    pub recording: String,
    /// Its number, from 1. Files of several formats with the same content have the same.
    pub number: u32,
    /// What kind of file it is.
    pub format: Format,
    /// Where it is, below the folder of recordings.
    pub path: String,
    /// When its first frame came, in milliseconds since 1970.
    pub wall_ms: i64,
    /// When it begins on the time line of the recording, on which parts follow one another without a hole.
    pub start_ms: u64,
    /// How long it plays.
    pub duration_ms: u64,
    /// So many bytes of it can be played: all, but for a file that is being written.
    pub bytes: u64,
    /// Length of what stands before the first fragment (fragmented MP4).
    pub init_bytes: u64,
    /// Its codecs as RFC 6381 names them, with commas between.
    pub codecs: String,
    /// Where its bytes are.
    pub state: PartState,
    /// Its name in the object store.
    pub object_key: Option<String>,
}

/// Where the bytes of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartState {
    /// On this machine, and more are coming.
    Open,
    /// On this machine, all of them.
    Local,
    /// On this machine and in the object store.
    Uploaded,
    /// In the object store alone.
    Remote,
}

/// What kind of file a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// MP4 in fragments: always written, playable while it grows, and what replays are made of.
    Fmp4,
    /// Plain MP4, made at the end.
    Mp4,
    /// FLV.
    Flv,
    /// A playlist of byte ranges in the fragmented MP4.
    Hls,
    /// AAC sound alone, with ADTS headers.
    Aac,
}

/// Which recordings to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this app.
    pub app: Option<String>,
    /// Only those of streams of this name.
    pub stream: Option<String>,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those that had not ended at this time, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Only those that began before this time.
    pub to_ms: Option<i64>,
    /// The hidden ones too.
    pub hidden: bool,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Only recordings that are older than the one with this id.
    pub before: Option<String>,
    /// Most of them.
    pub limit: usize,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal,)* }) => {
        impl $name {
            /// All there are.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Its word in the database, the API and the configuration.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }

            /// What the word means.
            pub fn of_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}

words!(State {
    Recording => "recording",
    Paused => "paused",
    Finished => "finished",
    Failed => "failed",
});

words!(PartState {
    Open => "open",
    Local => "local",
    Uploaded => "uploaded",
    Remote => "remote",
});

words!(Format {
    Fmp4 => "fmp4",
    Mp4 => "mp4",
    Flv => "flv",
    Hls => "hls",
    Aac => "aac",
});

impl PartState {
    /// Whether the object store has it.
    pub fn is_stored(self) -> bool {
        matches!(self, PartState::Uploaded | PartState::Remote)
    }
}

impl State {
    /// Whether more is to come.
    pub fn is_open(self) -> bool {
        matches!(self, State::Recording | State::Paused)
    }
}

impl Format {
    /// How its files' names end.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Fmp4 => "mp4",
            // Beside a file in fragments of the same number.
            Format::Mp4 => "plain.mp4",
            Format::Flv => "flv",
            Format::Hls => "m3u8",
            Format::Aac => "aac",
        }
    }
}
