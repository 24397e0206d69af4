-- Lotteries that the server draws when their time is up. Those of before are drawn by hand, as they were opened.
ALTER TABLE lottery ADD COLUMN auto INTEGER NOT NULL DEFAULT 0;

CREATE INDEX lottery_due ON lottery (until_ms) WHERE state = 'open' AND auto = 1;
