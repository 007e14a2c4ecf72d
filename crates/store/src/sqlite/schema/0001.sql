-- One row per conversation. pk 0 is the bridge itself: it carries the chain of what concerns no conversation.
CREATE TABLE conversation (
  pk INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,                  -- 8 bytes
  created_at INTEGER NOT NULL,              -- ms since the Unix epoch, as every time here
  expires_at INTEGER NOT NULL,
  purged_at INTEGER,
  last_seq INTEGER NOT NULL DEFAULT 0,      -- newest message
  size_bytes INTEGER NOT NULL DEFAULT 0,    -- sealed bytes of its messages
  unrecorded INTEGER NOT NULL DEFAULT 0,    -- refusals counted, not yet in the chain
  audit_n INTEGER NOT NULL DEFAULT 0,       -- length of its audit chain
  audit_head BLOB NOT NULL,                 -- hash of the newest entry
  wrapped_key BLOB,                         -- NULL once purged
  topic BLOB                                -- sealed
) STRICT;

CREATE INDEX conversation_unpurged ON conversation (expires_at) WHERE purged_at IS NULL;

CREATE TABLE agent (
  pk INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  ordinal INTEGER NOT NULL,                 -- join order, from 0; a bit of message.audience
  session TEXT NOT NULL,
  permission TEXT NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,         -- the token of this epoch is valid
  revoked_at INTEGER,
  joined_at INTEGER,
  status TEXT,
  status_at INTEGER,
  unread INTEGER NOT NULL DEFAULT 0,        -- rows of its inbox
  acknowledged_seq INTEGER,                 -- newest message it has acknowledged
  role BLOB,                                -- sealed
  note BLOB,                                -- sealed
  UNIQUE (conversation, session)
) STRICT;

-- One row per message. key = conversation * 2^32 + seq, so that a conversation's messages lie together.
CREATE TABLE message (
  key INTEGER PRIMARY KEY,
  tag BLOB NOT NULL,                        -- 8 random bytes, part of the message's id
  sender INTEGER NOT NULL,                  -- ordinal
  audience INTEGER NOT NULL,                -- ordinals of the recipients, as bits
  at INTEGER NOT NULL,
  action_type TEXT NOT NULL,
  reply_to TEXT,                            -- a message id
  body BLOB NOT NULL,                       -- sealed
  files BLOB                                -- sealed
) STRICT;

-- One row per recipient until it acknowledges: stored (never handed out), or offered and leased.
CREATE TABLE inbox (
  agent INTEGER NOT NULL REFERENCES agent (pk),
  seq INTEGER NOT NULL,
  offers INTEGER NOT NULL DEFAULT 0,        -- times handed out
  holder INTEGER NOT NULL DEFAULT 0,        -- connection it was handed to
  batch INTEGER NOT NULL DEFAULT 0,         -- tag of the batch it was handed out in
  leased_until INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (agent, seq)
) STRICT, WITHOUT ROWID;

-- Accept times, numbered without gaps per subject and kind: the exact rate windows.
-- subject: an agent's pk; minus a conversation's pk; 0 for the data folder.
CREATE TABLE accepted (
  subject INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (subject, kind, n)
) STRICT, WITHOUT ROWID;

-- The audit chains. key = conversation * 2^32 + n.
CREATE TABLE audit (
  key INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,                     -- JSON, no free text
  hash BLOB NOT NULL                        -- 32 bytes
) STRICT;

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
