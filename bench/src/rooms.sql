-- Rooms as years of shows leave them behind: ROOMS in all. LIVE of them were on when the server ended, three in ten of the
-- others are yet to come, the rest is over. Each has a crew, counts and a few messages.

BEGIN;

CREATE TEMP TABLE bench_room AS
WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ROOMS)
SELECT n, printf('r%07d', n) AS id, 1700000000000 + n * 1000 AS at_ms,
       CASE WHEN n < LIVE THEN 'live' WHEN n % 10 < 3 THEN 'scheduled' ELSE 'ended' END AS state
FROM number;

INSERT INTO room (id, title, host, host_name, stream, state, starts_ms, valid_until_ms, live_ms, ended_ms, created_ms)
SELECT id, 'show ' || n, 'h' || n % 1000, 'host ' || n % 1000, 'live/' || id, state, at_ms,
       CASE WHEN state = 'ended' THEN at_ms + 9000000 ELSE 4102444800000 END,
       CASE WHEN state <> 'scheduled' THEN at_ms END,
       CASE WHEN state = 'ended' THEN at_ms + 7200000 END, at_ms
FROM bench_room;

INSERT INTO room_crew (room, user, role) SELECT id, 'a' || n % 5000, 'assistant' FROM bench_room;

INSERT INTO room_total (room, visits, visitors, peak, messages) SELECT id, 900, 500, 80, 5 FROM bench_room;

INSERT INTO message (room, seq, at_ms, kind, author, author_name, author_avatar, author_role, body)
SELECT bench_room.id, seq.value, at_ms + seq.value * 1000, 'text', 'u' || seq.value, 'user', '', 'viewer',
       json_object('text', printf('%.100c', 'x'))
FROM bench_room, json_each('[1,2,3,4,5]') AS seq;

COMMIT;
