-- After which number the messages of a room were numbered when it was last loaded; none: it never was. Written before anybody
-- is let in, so that no number comes twice even if nothing that was said since is left after a crash.
ALTER TABLE room ADD COLUMN epoch_seq INTEGER;
