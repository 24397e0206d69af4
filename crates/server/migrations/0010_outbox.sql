-- What is to be told to others: written in the transaction in which it happened, and kept until it was told.

-- What happened.
CREATE TABLE event (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which it is told
    id           TEXT NOT NULL UNIQUE,               -- msg_...; the same at every attempt
    kind         TEXT NOT NULL,                      -- stream.started, ...
    subject      TEXT NOT NULL,                      -- what is told in order: stream:live/a, room:7, ...
    occurred_ms  INTEGER NOT NULL,
    data         TEXT NOT NULL,                      -- JSON
    is_routed    INTEGER NOT NULL DEFAULT 0          -- who is told has been decided
);

CREATE INDEX event_unrouted ON event (number) WHERE is_routed = 0;

-- One event for one endpoint.
CREATE TABLE delivery (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    event        INTEGER NOT NULL REFERENCES event (number) ON DELETE CASCADE,
    endpoint     TEXT NOT NULL,
    subject      TEXT NOT NULL,
    state        TEXT NOT NULL,                      -- queued, due, delivered, failed
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL,                   -- when the next attempt is to be made
    attempted_ms INTEGER,                            -- when the newest one was
    ended_ms     INTEGER,                            -- when it came to its end
    status       INTEGER,                            -- the newest HTTP status
    error        TEXT,                               -- why the newest attempt failed
    UNIQUE (event, endpoint)
);

-- The order: of one subject, one delivery at a time is due.
CREATE UNIQUE INDEX delivery_head ON delivery (endpoint, subject) WHERE state = 'due';
CREATE INDEX delivery_due ON delivery (endpoint, due_ms) WHERE state = 'due';
CREATE INDEX delivery_queue ON delivery (endpoint, subject, event) WHERE state = 'queued';
CREATE INDEX delivery_waiting ON delivery (endpoint, event) WHERE state IN ('due', 'queued');
CREATE INDEX delivery_ended ON delivery (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX delivery_event ON delivery (event);

-- What is to be said of a subject if the server dies before it can.
CREATE TABLE will (
    subject      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    data         TEXT NOT NULL,                      -- of the event that began it
    PRIMARY KEY (subject, kind)
);
