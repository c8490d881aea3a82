-- Operators: enrolled devices with roles. `roles` is a sum of 1 (administrator), 2 (reviewer) and 4 (auditor); an auditor is
-- nothing else, and 0 is an operator whose roles were withdrawn.
CREATE TABLE operators (
    device_id  BLOB PRIMARY KEY REFERENCES devices (device_id),
    name       TEXT NOT NULL,
    roles      INTEGER NOT NULL CHECK (roles IN (0, 1, 2, 3, 4)),
    granted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- A name stands for one person: it is what reviews are told apart by.
CREATE UNIQUE INDEX operators_of_name ON operators (name) WHERE roles <> 0;
CREATE TRIGGER operators_keep_names BEFORE UPDATE ON operators WHEN old.name <> new.name
BEGIN SELECT RAISE(ABORT, 'an operator keeps the name'); END;
CREATE TRIGGER operators_are_kept BEFORE DELETE ON operators
BEGIN SELECT RAISE(ABORT, 'proposals name the operator'); END;

-- Acts that two administrators decide. `facts` is a hash of what it was proposed on; `code` that of the enrolment code that
-- it makes good. One that is open after `expires_ms` has expired.
CREATE TABLE proposals (
    proposal   BLOB PRIMARY KEY CHECK (length(proposal) = 16),
    act        TEXT NOT NULL,
    facts      BLOB NOT NULL CHECK (length(facts) = 32),
    code       BLOB CHECK (length(code) = 32),
    reason     TEXT NOT NULL,
    proposer   BLOB NOT NULL REFERENCES operators (device_id),
    state      TEXT NOT NULL CHECK (state IN ('open', 'executed', 'rejected', 'withdrawn')),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    decider    BLOB REFERENCES operators (device_id),
    decided_ms INTEGER,
    CHECK ((state = 'open') = (decider IS NULL)),
    CHECK ((decider IS NULL) = (decided_ms IS NULL)),
    CHECK (state NOT IN ('executed', 'rejected') OR decider <> proposer),
    CHECK (state <> 'withdrawn' OR decider = proposer)
) STRICT, WITHOUT ROWID;
CREATE INDEX proposals_created ON proposals (created_ms, proposal);
CREATE INDEX proposals_open ON proposals (expires_ms) WHERE state = 'open';
CREATE TRIGGER proposals_stay_decided BEFORE UPDATE ON proposals WHEN old.state <> 'open'
BEGIN SELECT RAISE(ABORT, 'the proposal is decided'); END;
CREATE TRIGGER proposals_are_kept BEFORE DELETE ON proposals
BEGIN SELECT RAISE(ABORT, 'the audit log names the proposal'); END;
