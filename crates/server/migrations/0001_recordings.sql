-- Recordings, their files, and where a decoder can start in each. All of it can be made again from the files, so nothing
-- here is the only copy. Times are milliseconds since 1970.

CREATE TABLE recording (
    id           TEXT PRIMARY KEY,           -- sorts by time
    app          TEXT NOT NULL,
    stream       TEXT NOT NULL,
    folder       TEXT NOT NULL,              -- below the folder of recordings
    started_ms   INTEGER NOT NULL,
    ended_ms     INTEGER,                    -- of the last frame; none while it goes on
    state        TEXT NOT NULL,              -- recording, paused, finished, failed
    reason       TEXT NOT NULL DEFAULT '',   -- why it ended
    duration_ms  INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0, -- of all files
    codecs       TEXT NOT NULL DEFAULT '',   -- RFC 6381, with commas between
    gaps         INTEGER NOT NULL DEFAULT 0, -- times that something is missing because the disk was too slow
    hidden       INTEGER NOT NULL DEFAULT 0,
    expires_ms   INTEGER                     -- when it may be deleted; none: never
) STRICT;

CREATE INDEX recording_of_stream ON recording (app, stream, started_ms);
CREATE INDEX recording_expiry ON recording (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE part (
    recording    TEXT NOT NULL REFERENCES recording (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,           -- from 1; the same in every format
    format       TEXT NOT NULL,              -- fmp4, mp4, flv, hls, aac
    path         TEXT NOT NULL,              -- below the folder of recordings
    wall_ms      INTEGER NOT NULL,           -- when its first frame came
    start_ms     INTEGER NOT NULL,           -- on the time line of the recording
    duration_ms  INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0, -- of these, all can be played
    init_bytes   INTEGER NOT NULL DEFAULT 0, -- length of what stands before the first fragment (fmp4)
    codecs       TEXT NOT NULL DEFAULT '',
    state        TEXT NOT NULL,              -- open, local, uploaded
    object_key   TEXT,                       -- in the object store
    PRIMARY KEY (recording, number, format)
) STRICT, WITHOUT ROWID;

-- Where a decoder can start in a part of format fmp4. A row holds a run of them: see store/keys.rs.
CREATE TABLE part_keys (
    recording    TEXT NOT NULL REFERENCES recording (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    run          INTEGER NOT NULL,           -- from 0
    positions    BLOB NOT NULL,
    PRIMARY KEY (recording, number, run)
) STRICT, WITHOUT ROWID;
