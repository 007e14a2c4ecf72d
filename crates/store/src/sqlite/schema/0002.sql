-- Receipts and the watchdog, repeated sends, the loop guard, file leases.
ALTER TABLE conversation ADD COLUMN calm_seq INTEGER NOT NULL DEFAULT 0;   -- newest message when a human or a status change last broke the agents' talk
ALTER TABLE conversation ADD COLUMN paused_at INTEGER;                     -- since when sends wait for a human
ALTER TABLE conversation ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;      -- newest change of its leases
UPDATE conversation SET calm_seq = last_seq;

-- What a sender may repeat: one row per idempotency key of an agent.
CREATE TABLE repeatable (
  agent INTEGER NOT NULL REFERENCES agent (pk),
  key BLOB NOT NULL,                        -- 16 bytes, keyed digest of the idempotency key
  request BLOB NOT NULL,                    -- 16 bytes, keyed digest of everything else that was asked
  seq INTEGER NOT NULL,                     -- the message it became
  PRIMARY KEY (agent, key)
) STRICT, WITHOUT ROWID;

-- Files reserved: one row per pattern. An expired row means nothing any more.
CREATE TABLE lease (
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  fence INTEGER NOT NULL,                   -- grows with every change of the conversation's leases, never used twice
  agent INTEGER NOT NULL REFERENCES agent (pk),
  tag BLOB NOT NULL,                        -- 8 random bytes, names the row to its seal
  exclusive INTEGER NOT NULL,               -- 0 or 1
  acquired_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  path BLOB NOT NULL,                       -- sealed pattern
  PRIMARY KEY (conversation, fence)
) STRICT, WITHOUT ROWID;
