-- How much each recording was watched. This alone cannot be made again from the files; an index that is made again while the
-- database is there keeps it.
ALTER TABLE recording ADD COLUMN views INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recording ADD COLUMN sent_bytes INTEGER NOT NULL DEFAULT 0; -- to viewers
