-- Evidence, membership, inbound policy and limits of one conversation.
ALTER TABLE audit ADD COLUMN mark BLOB;                                    -- 16 bytes, keyed: this bridge wrote the entry
ALTER TABLE conversation ADD COLUMN anchored_n INTEGER NOT NULL DEFAULT 0; -- newest audit entry that a checkpoint covers
ALTER TABLE conversation ADD COLUMN paused_by TEXT;                        -- loop_guard, moderator or operator; NULL with paused_at: loop_guard
ALTER TABLE conversation ADD COLUMN inbound TEXT;                          -- which messages are accepted, JSON; NULL: all
ALTER TABLE conversation ADD COLUMN limits TEXT;                           -- what differs from the configured limits, JSON

-- Chains that have grown since the newest checkpoint.
CREATE INDEX conversation_grown ON conversation (pk) WHERE audit_n > anchored_n;

-- Messages that wait for a moderator, or were refused by one. Until they are released, their message row has no audience.
CREATE TABLE held (
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  seq INTEGER NOT NULL,
  audience INTEGER NOT NULL,                -- ordinals of the recipients, as bits
  held_at INTEGER NOT NULL,
  rejected_at INTEGER,
  PRIMARY KEY (conversation, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX held_waiting ON held (conversation, seq) WHERE rejected_at IS NULL;

-- What ever came for an agent: messages put into its inbox, and its own that were rejected. Tells a watcher that
-- something is new, in whatever order messages come.
ALTER TABLE agent ADD COLUMN arrivals INTEGER NOT NULL DEFAULT 0;
UPDATE agent SET arrivals = unread;
