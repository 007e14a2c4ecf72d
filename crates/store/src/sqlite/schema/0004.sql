-- What is remembered of secrets that were found, so that they are known again: keyed digests, no value.
CREATE TABLE known (
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  n INTEGER NOT NULL,                       -- grows, never used twice; the newest 1,024 are kept
  ends BLOB NOT NULL,                       -- 16 bytes, what makes beginning and end of the value known, sealed
  mac BLOB NOT NULL,                        -- 16 bytes, confirms the value
  length INTEGER NOT NULL,                  -- bytes of the value
  rule TEXT NOT NULL,                       -- what found it
  PRIMARY KEY (conversation, n)
) STRICT, WITHOUT ROWID;

ALTER TABLE conversation ADD COLUMN known_n INTEGER NOT NULL DEFAULT 0;    -- newest row of known there ever was
ALTER TABLE message ADD COLUMN redactions INTEGER NOT NULL DEFAULT 0;      -- secrets that were replaced in it
