-- How a forbidden word is spelled in Latin letters, with a space between syllables; none: it is not looked for.
ALTER TABLE word ADD COLUMN pinyin TEXT;
