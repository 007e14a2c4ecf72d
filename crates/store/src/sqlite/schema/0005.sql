-- Running commands: the approver, what is enabled, what agents wish, commands, and the votes of approvers.

-- The person whose key signs what is enabled and agreed to: one row, or none.
CREATE TABLE approver (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key BLOB NOT NULL,                        -- 32 bytes, public
  sealed BLOB NOT NULL,                     -- private key and secret of one-time codes: under the passphrase, then sealed
  mac BLOB NOT NULL,                        -- 16 bytes, keyed: this bridge enrolled it
  enrolled_at INTEGER NOT NULL,
  code_step INTEGER NOT NULL DEFAULT 0,     -- newest one-time code that was used
  wrong_codes INTEGER NOT NULL DEFAULT 0,   -- since the last right one
  locked_until INTEGER                      -- until when no code is taken
) STRICT;

-- What is enabled in a conversation.
CREATE TABLE terms (
  conversation INTEGER PRIMARY KEY REFERENCES conversation (pk),
  terms BLOB NOT NULL,                      -- sealed
  signature BLOB NOT NULL,                  -- 64 bytes, the approver's
  key BLOB NOT NULL,                        -- the approver's
  expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX terms_until ON terms (expires_at);

-- What agents wish to be enabled: one row of each.
CREATE TABLE wish (
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  agent INTEGER NOT NULL REFERENCES agent (pk),
  asked_at INTEGER NOT NULL,
  body BLOB NOT NULL,                       -- sealed
  PRIMARY KEY (conversation, agent)
) STRICT, WITHOUT ROWID;

-- Commands. A state whose time is over stays as it is until somebody records the end.
CREATE TABLE run (
  pk INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,                  -- 8 bytes
  conversation INTEGER NOT NULL REFERENCES conversation (pk),
  agent INTEGER NOT NULL REFERENCES agent (pk),
  state TEXT NOT NULL,
  hash BLOB NOT NULL,                       -- 32 bytes, of the request
  request BLOB,                             -- sealed; NULL once purged
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,              -- when it is too late to agree, to start, or to say how it ended
  decided_at INTEGER,
  assurance TEXT,                           -- how sure it is that a person agreed
  approval TEXT,                            -- what the approver signed
  signature BLOB,                           -- 64 bytes
  key BLOB,                                 -- the approver's
  quorum INTEGER NOT NULL DEFAULT 0,        -- how many votes were enough
  reason BLOB,                              -- of a no, sealed; NULL once purged
  boot BLOB,                                -- of a yes in a form: which start of the machine
  uptime_ms INTEGER,                        -- and how long after that
  started_at INTEGER,
  end_asked_at INTEGER,                     -- since when who runs it is to stop it
  ended_at INTEGER
) STRICT;

CREATE INDEX run_of ON run (conversation);
CREATE INDEX run_open ON run (conversation) WHERE state IN ('pending', 'approved', 'running');

-- Agents that agreed to a command.
CREATE TABLE vote (
  run INTEGER NOT NULL REFERENCES run (pk),
  agent INTEGER NOT NULL REFERENCES agent (pk),
  at INTEGER NOT NULL,
  boot BLOB NOT NULL,                       -- which start of the machine
  uptime_ms INTEGER NOT NULL,               -- and how long after that
  PRIMARY KEY (run, agent)
) STRICT, WITHOUT ROWID;

ALTER TABLE agent ADD COLUMN denials INTEGER NOT NULL DEFAULT 0;           -- of its commands, since it was last let ask again
ALTER TABLE agent ADD COLUMN execution_locked_at INTEGER;                  -- since when its commands are refused

CREATE INDEX agent_locked ON agent (conversation) WHERE execution_locked_at IS NOT NULL;
