-- Gifts and lotteries. Times are milliseconds since 1970; prices are in the operator's smallest unit. A room that is
-- empty stands for the whole server. What is about money outlives the room that it happened in.

CREATE TABLE gift (
    room           TEXT NOT NULL,
    id             TEXT NOT NULL,
    name           TEXT NOT NULL,
    icon           TEXT NOT NULL DEFAULT '',
    price          INTEGER NOT NULL,
    claim          TEXT NOT NULL,              -- none, room, server: who may have one for nothing, once in which place
    max_count      INTEGER NOT NULL,           -- most in one send
    position       INTEGER NOT NULL DEFAULT 0,
    available      INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

-- Gifts that somebody has for nothing.
CREATE TABLE gift_claim (
    room           TEXT NOT NULL,
    user           TEXT NOT NULL,
    gift           TEXT NOT NULL,
    state          TEXT NOT NULL,              -- claimed, used
    at_ms          INTEGER NOT NULL,
    by             TEXT NOT NULL,              -- user:ID or key:NAME
    PRIMARY KEY (room, user, gift)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    room           TEXT NOT NULL,
    user           TEXT NOT NULL,
    cid            TEXT NOT NULL,
    gift           TEXT NOT NULL,
    name           TEXT NOT NULL,              -- as it was then, like the icon and the price
    icon           TEXT NOT NULL,
    count          INTEGER NOT NULL,
    price          INTEGER NOT NULL,
    total          INTEGER NOT NULL,
    state          TEXT NOT NULL,              -- reserved, confirmed, cancelled
    reason         TEXT NOT NULL DEFAULT '',   -- why it was cancelled
    wallet_key     TEXT NOT NULL DEFAULT '',   -- random; with the attempt the id that the wallet knows it by
    attempt        INTEGER NOT NULL DEFAULT 0,
    reference      TEXT NOT NULL DEFAULT '',   -- what the wallet calls it
    at_ms          INTEGER NOT NULL,
    seq            INTEGER,                    -- of its message
    UNIQUE (room, user, cid)
) STRICT;

CREATE INDEX ledger_of_room ON ledger (room, id);
CREATE INDEX ledger_of_user ON ledger (user, id);

-- What the wallet is to be told until it answers.
CREATE TABLE wallet_order (
    ledger         INTEGER NOT NULL REFERENCES ledger (id),
    attempt        INTEGER NOT NULL,
    what           TEXT NOT NULL,              -- reserve: being asked; confirm, cancel: to be told
    tries          INTEGER NOT NULL DEFAULT 0,
    due_ms         INTEGER NOT NULL,
    PRIMARY KEY (ledger, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX wallet_order_due ON wallet_order (what, due_ms);

CREATE TABLE lottery (
    room           TEXT NOT NULL,
    id             TEXT NOT NULL,
    prize          TEXT NOT NULL,
    winners        INTEGER NOT NULL,
    kind           TEXT NOT NULL,              -- present, text, gift: what to do to take part
    what           TEXT NOT NULL DEFAULT '',   -- the text, or the gift's id
    state          TEXT NOT NULL,              -- open, drawn, cancelled
    seed           TEXT NOT NULL,              -- shown from the draw on
    commitment     TEXT NOT NULL,              -- its hash, shown from the opening on
    entries_hash   TEXT NOT NULL DEFAULT '',
    entries        INTEGER NOT NULL DEFAULT 0,
    opened_ms      INTEGER NOT NULL,
    until_ms       INTEGER NOT NULL,
    ended_ms       INTEGER,
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX lottery_by_age ON lottery (room, opened_ms, id);

-- Who took part when it was drawn.
CREATE TABLE lottery_entry (
    room           TEXT NOT NULL,
    lottery        TEXT NOT NULL,
    user           TEXT NOT NULL,
    place          INTEGER,                    -- of winners, from 1
    PRIMARY KEY (room, lottery, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX lottery_winner ON lottery_entry (room, lottery, place) WHERE place IS NOT NULL;
