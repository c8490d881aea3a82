-- Operators: enrolled devices with roles. `roles` is a sum of 1 (administrator), 2 (reviewer) and 4 (auditor); an auditor is
-- nothing else, and 0 is an operator whose roles were withdrawn.
CREATE TABLE operators (
    device_id  BYTEA PRIMARY KEY REFERENCES devices (device_id),
    name       TEXT NOT NULL,
    roles      BIGINT NOT NULL CHECK (roles IN (0, 1, 2, 3, 4)),
    granted_ms BIGINT NOT NULL
);
-- A name stands for one person: it is what reviews are told apart by.
CREATE UNIQUE INDEX operators_of_name ON operators (name) WHERE roles <> 0;
CREATE TRIGGER operators_keep_names BEFORE UPDATE ON operators FOR EACH ROW
    WHEN (old.name <> new.name) EXECUTE FUNCTION refuse('an operator keeps the name');
CREATE TRIGGER operators_are_kept BEFORE DELETE ON operators FOR EACH ROW
    EXECUTE FUNCTION refuse('proposals name the operator');

-- Acts that two administrators decide. `facts` is a hash of what it was proposed on; `code` that of the enrolment code that
-- it makes good. One that is open after `expires_ms` has expired.
CREATE TABLE proposals (
    proposal   BYTEA PRIMARY KEY CHECK (length(proposal) = 16),
    act        TEXT NOT NULL,
    facts      BYTEA NOT NULL CHECK (length(facts) = 32),
    code       BYTEA CHECK (length(code) = 32),
    reason     TEXT NOT NULL,
    proposer   BYTEA NOT NULL REFERENCES operators (device_id),
    state      TEXT NOT NULL CHECK (state IN ('open', 'executed', 'rejected', 'withdrawn')),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    decider    BYTEA REFERENCES operators (device_id),
    decided_ms BIGINT,
    CHECK ((state = 'open') = (decider IS NULL)),
    CHECK ((decider IS NULL) = (decided_ms IS NULL)),
    CHECK (state NOT IN ('executed', 'rejected') OR decider <> proposer),
    CHECK (state <> 'withdrawn' OR decider = proposer)
);
CREATE INDEX proposals_created ON proposals (created_ms, proposal);
CREATE INDEX proposals_open ON proposals (expires_ms) WHERE state = 'open';
CREATE TRIGGER proposals_stay_decided BEFORE UPDATE ON proposals FOR EACH ROW
    WHEN (old.state <> 'open') EXECUTE FUNCTION refuse('the proposal is decided');
CREATE TRIGGER proposals_are_kept BEFORE DELETE ON proposals FOR EACH ROW
    EXECUTE FUNCTION refuse('the audit log names the proposal');
