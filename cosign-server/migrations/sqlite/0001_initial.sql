-- Times are unix milliseconds. Identifiers and hashes are raw bytes. Nothing here opens a key without the master key file.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    device_id   BLOB PRIMARY KEY CHECK (length(device_id) = 32),
    name        TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the SM3 of a code is kept.
CREATE TABLE enrolment_codes (
    code_hash  BLOB PRIMARY KEY CHECK (length(code_hash) = 32),
    uses_left  INTEGER NOT NULL CHECK (uses_left >= 0),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Key ids are issued to a device and used up by the first message of key generation.
CREATE TABLE key_ids (
    key_id     BLOB PRIMARY KEY CHECK (length(key_id) = 16),
    device_id  BLOB NOT NULL REFERENCES devices (device_id),
    purpose    INTEGER NOT NULL CHECK (purpose IN (1, 2)),
    label      TEXT NOT NULL,
    issued_ms  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX key_ids_of_device ON key_ids (device_id, expires_ms);

-- `version` grows with every change of authority (freeze, unfreeze, revoke, unlock); a server that holds a key in memory
-- checks it with every operation. `share` and `pending` are sealed; both are empty once the key is revoked.
CREATE TABLE keys (
    key_id       BLOB PRIMARY KEY REFERENCES key_ids (key_id),
    device_id    BLOB NOT NULL REFERENCES devices (device_id),
    purpose      INTEGER NOT NULL CHECK (purpose IN (1, 2)),
    status       TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'revoked')),
    epoch        INTEGER NOT NULL CHECK (epoch >= 1),
    rid          BLOB NOT NULL CHECK (length(rid) = 16),
    public_key   BLOB NOT NULL UNIQUE CHECK (length(public_key) = 64),
    created_ms   INTEGER NOT NULL,
    fails        INTEGER NOT NULL DEFAULT 0,
    total        INTEGER NOT NULL DEFAULT 0,
    unlock_at_ms INTEGER NOT NULL DEFAULT 0,
    refresh_required INTEGER NOT NULL DEFAULT 0 CHECK (refresh_required IN (0, 1)),
    decrypts     INTEGER NOT NULL DEFAULT 0,
    pending_sign BLOB CHECK (length(pending_sign) = 32),
    share        BLOB NOT NULL,
    pending      BLOB,
    version      INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_of_device ON keys (device_id);

CREATE TABLE spent_sessions (
    key_id   BLOB NOT NULL,
    sid      BLOB NOT NULL CHECK (length(sid) = 16),
    fp       BLOB NOT NULL CHECK (length(fp) = 32),
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_sessions_until ON spent_sessions (until_ms);

-- The leaves of a Merkle tree (RFC 9162 with SM3). `hashes` is that of the leaf and those of the complete subtrees that end
-- with it, from level 0 up, 32 bytes each. `key_id`, `sid` and `activated` repeat what the record says, to find it by.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    record    BLOB NOT NULL,
    hashes    BLOB NOT NULL CHECK (length(hashes) >= 32 AND length(hashes) % 32 = 0),
    key_id    BLOB CHECK (length(key_id) = 16),
    sid       BLOB CHECK (length(sid) = 16),
    activated INTEGER
) STRICT;
CREATE INDEX audit_of_key ON audit (key_id, seq, sid) WHERE key_id IS NOT NULL;
-- The highest epoch that the log has seen activated: a key row rolled back to an older epoch is not loaded.
CREATE INDEX audit_epochs ON audit (key_id, activated) WHERE activated IS NOT NULL;
CREATE TRIGGER audit_keeps_records BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Signed tree heads of the audit log, in the order in which they were signed.
CREATE TABLE tree_heads (
    number INTEGER PRIMARY KEY,
    size   INTEGER NOT NULL,
    head   BLOB NOT NULL CHECK (length(head) = 144)
) STRICT;
CREATE INDEX tree_heads_of_size ON tree_heads (size);
CREATE TRIGGER tree_heads_are_kept BEFORE DELETE ON tree_heads
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER tree_heads_keep_values BEFORE UPDATE ON tree_heads
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- What a request with an Idempotency-Key did, for 24 hours.
CREATE TABLE outcomes (
    device_id   BLOB NOT NULL,
    once_key    TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    outcome     TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (device_id, once_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_created ON outcomes (created_ms);
