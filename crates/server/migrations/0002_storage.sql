-- Recordings in an object store. What is here about an object cannot be made again from the files, but can from the store.

-- What is to be uploaded, and what may go from this machine.
CREATE INDEX part_state ON part (state, recording, number, bytes);

-- Where the note about the recording is in the store.
ALTER TABLE recording ADD COLUMN note_key TEXT;

CREATE INDEX recording_without_note ON recording (id) WHERE note_key IS NULL;

-- A file that goes to the store in pieces. After a restart it goes on where it was.
CREATE TABLE upload (
    recording    TEXT NOT NULL REFERENCES recording (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    format       TEXT NOT NULL,
    object_key   TEXT NOT NULL,
    upload_id    TEXT NOT NULL,              -- what the store calls it
    bytes        INTEGER NOT NULL,           -- of the whole file
    piece_bytes  INTEGER NOT NULL,           -- of each piece but the last
    PRIMARY KEY (recording, number, format)
) STRICT, WITHOUT ROWID;

-- The pieces that the store has.
CREATE TABLE upload_piece (
    recording    TEXT NOT NULL,
    number       INTEGER NOT NULL,
    format       TEXT NOT NULL,
    piece        INTEGER NOT NULL,           -- from 0
    tag          TEXT NOT NULL,              -- what the store calls its content
    PRIMARY KEY (recording, number, format, piece),
    FOREIGN KEY (recording, number, format) REFERENCES upload (recording, number, format) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What the store is to forget: recordings are deleted at once, their objects when the store can be reached.
CREATE TABLE object_to_delete (
    object_key   TEXT NOT NULL,
    upload_id    TEXT NOT NULL,              -- of an upload in pieces; empty: the object itself
    PRIMARY KEY (object_key, upload_id)
) STRICT, WITHOUT ROWID;
