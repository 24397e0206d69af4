-- Rooms, who may do what in them, and what was said. Times are milliseconds since 1970. JSON is text.

CREATE TABLE room (
    id             TEXT PRIMARY KEY,
    title          TEXT NOT NULL,
    cover          TEXT NOT NULL DEFAULT '',
    share_image    TEXT NOT NULL DEFAULT '',
    host           TEXT NOT NULL,              -- id, as in tokens
    host_name      TEXT NOT NULL DEFAULT '',
    host_avatar    TEXT NOT NULL DEFAULT '',
    stream         TEXT NOT NULL,              -- app/stream
    state          TEXT NOT NULL,              -- scheduled, live, interrupted, ended, banned
    starts_ms      INTEGER,
    valid_from_ms  INTEGER,
    valid_until_ms INTEGER,
    live_ms        INTEGER,                    -- first time on air
    ended_ms       INTEGER,
    created_ms     INTEGER NOT NULL,
    settings       TEXT NOT NULL DEFAULT '{}',
    pinned         INTEGER,
    custom         TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX room_of_stream ON room (stream);
CREATE INDEX room_by_state ON room (state, created_ms, id);
CREATE INDEX room_by_age ON room (created_ms, id);
CREATE INDEX room_of_host ON room (host, created_ms, id);
-- What the start of the server looks at, and what may run out: few of very many.
CREATE INDEX room_running ON room (valid_until_ms) WHERE state IN ('scheduled', 'live', 'interrupted');

-- The host's side besides the host.
CREATE TABLE room_crew (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    user           TEXT NOT NULL,
    role           TEXT NOT NULL,              -- assistant, cohost
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- What is counted for as long as the room is there.
CREATE TABLE room_total (
    room           TEXT PRIMARY KEY REFERENCES room (id) ON DELETE CASCADE,
    visits         INTEGER NOT NULL DEFAULT 0, -- page views
    visitors       INTEGER NOT NULL DEFAULT 0, -- different people
    peak           INTEGER NOT NULL DEFAULT 0, -- most people at once
    watch_ms       INTEGER NOT NULL DEFAULT 0, -- of all visitors together
    likes          INTEGER NOT NULL DEFAULT 0,
    messages       INTEGER NOT NULL DEFAULT 0,
    gifts          INTEGER NOT NULL DEFAULT 0,
    gift_value     INTEGER NOT NULL DEFAULT 0,
    shares         INTEGER NOT NULL DEFAULT 0,
    goods_clicks   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The same by the minute.
CREATE TABLE room_minute (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    minute_ms      INTEGER NOT NULL,
    online         INTEGER NOT NULL,           -- most people at once in it
    visits         INTEGER NOT NULL,
    messages       INTEGER NOT NULL,
    likes          INTEGER NOT NULL,
    gifts          INTEGER NOT NULL,
    PRIMARY KEY (room, minute_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    media_ms       INTEGER,                    -- where the show was, for replays in step
    kind           TEXT NOT NULL,              -- text, image, custom, gift, notice, event
    author         TEXT,                       -- none: the room itself
    author_name    TEXT,                       -- as it was then
    author_avatar  TEXT,
    author_role    TEXT,
    cid            TEXT NOT NULL DEFAULT '',
    reply_to       INTEGER,
    mentions       TEXT NOT NULL DEFAULT '[]',
    body           TEXT NOT NULL,              -- what its kind carries
    recalled       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_by_time ON message (room, at_ms, seq);
CREATE INDEX message_by_media ON message (room, media_ms, seq) WHERE media_ms IS NOT NULL;
CREATE INDEX message_by_author ON message (room, author, seq) WHERE author IS NOT NULL;

-- Messages that wait for somebody to look at them.
CREATE TABLE held_message (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    at_ms          INTEGER NOT NULL,
    author         TEXT NOT NULL,
    author_name    TEXT NOT NULL,
    author_avatar  TEXT NOT NULL,
    author_role    TEXT NOT NULL,
    cid            TEXT NOT NULL,
    reply_to       INTEGER,
    mentions       TEXT NOT NULL,
    kind           TEXT NOT NULL,
    body           TEXT NOT NULL,
    why            TEXT NOT NULL               -- the word, or what the backend said
) STRICT;

CREATE INDEX held_of_room ON held_message (room, id);

-- Mutes, bans and hidings; of the whole server where room is empty.
CREATE TABLE sanction (
    room           TEXT NOT NULL,
    kind           TEXT NOT NULL,              -- mute, ban, hide
    subject        TEXT NOT NULL,              -- user:ID or ip:ADDRESS
    until_ms       INTEGER,                    -- none: for good
    reason         TEXT NOT NULL DEFAULT '',
    by             TEXT NOT NULL,              -- who did it: user:ID or key:NAME
    at_ms          INTEGER NOT NULL,
    PRIMARY KEY (room, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX sanction_expiry ON sanction (until_ms) WHERE until_ms IS NOT NULL;

-- Who did what, of moderators and operators.
CREATE TABLE audit (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    room           TEXT NOT NULL,
    at_ms          INTEGER NOT NULL,
    by             TEXT NOT NULL,
    what           TEXT NOT NULL,
    subject        TEXT NOT NULL DEFAULT '',
    detail         TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX audit_of_room ON audit (room, id);

-- Words that are not said; on the whole server where room is empty.
CREATE TABLE word (
    room           TEXT NOT NULL,
    word           TEXT NOT NULL,
    action         TEXT NOT NULL,              -- replace, hold, refuse
    PRIMARY KEY (room, word)
) STRICT, WITHOUT ROWID;

-- People who came, each once, and who brought them: the first wins.
CREATE TABLE visitor (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    user           TEXT NOT NULL,
    name           TEXT NOT NULL DEFAULT '',
    avatar         TEXT NOT NULL DEFAULT '',
    inviter        TEXT,
    first_ms       INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL,
    visits         INTEGER NOT NULL,
    watch_ms       INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX visitor_by_inviter ON visitor (room, inviter) WHERE inviter IS NOT NULL;

-- Who wants to be told when it begins.
CREATE TABLE reminder (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    user           TEXT NOT NULL,
    at_ms          INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- The shelf.
CREATE TABLE goods (
    room           TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    id             TEXT NOT NULL,
    position       INTEGER NOT NULL,
    name           TEXT NOT NULL,
    cover          TEXT NOT NULL DEFAULT '',
    url            TEXT NOT NULL DEFAULT '',   -- a page, or a mini-program's path
    price          INTEGER NOT NULL,           -- in the smallest unit
    price_to       INTEGER,                    -- of a range, or before the discount
    price_kind     TEXT NOT NULL,              -- one, range, discount
    on_shelf       INTEGER NOT NULL DEFAULT 1,
    explaining     INTEGER NOT NULL DEFAULT 0,
    clicks         INTEGER NOT NULL DEFAULT 0,
    explained_ms   INTEGER,                    -- where in the show, for its clip
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

-- Answers to requests that may be sent twice.
CREATE TABLE idempotent (
    key            TEXT NOT NULL,
    operation      TEXT NOT NULL,
    request        BLOB NOT NULL,              -- a hash: the same key for something else is a fault
    at_ms          INTEGER NOT NULL,
    status         INTEGER NOT NULL,           -- 0: being done
    body           BLOB NOT NULL,
    PRIMARY KEY (key, operation)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotent_by_age ON idempotent (at_ms);
