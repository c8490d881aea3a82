-- Certification authorities. `chain` is the certificate of the authority and those above it, DER, one after another.
-- `status_version` grows with every change that revocation lists show.
CREATE TABLE authorities (
    authority      TEXT PRIMARY KEY CHECK (length(authority) BETWEEN 1 AND 32),
    label          TEXT NOT NULL,
    chain          BLOB NOT NULL,
    options        TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    retired_ms     INTEGER,
    status_version INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER authorities_are_kept BEFORE DELETE ON authorities
BEGIN SELECT RAISE(ABORT, 'certificates may name the authority'); END;

-- Their private keys, sealed like shares.
CREATE TABLE authority_keys (
    public_key  BLOB PRIMARY KEY CHECK (length(public_key) = 64),
    authority   TEXT NOT NULL REFERENCES authorities (authority),
    duty        TEXT NOT NULL CHECK (duty IN ('certify', 'stamp')),
    certificate BLOB NOT NULL,
    created_ms  INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    sealed_key  BLOB GENERATED ALWAYS AS (substr(sealed, 2, 4)) VIRTUAL NOT NULL
        REFERENCES wrapping_keys (version),
    UNIQUE (authority, duty)
) STRICT, WITHOUT ROWID;
CREATE INDEX authority_keys_of_sealed_key ON authority_keys (sealed_key);
CREATE TRIGGER authority_keys_are_kept BEFORE DELETE ON authority_keys
BEGIN SELECT RAISE(ABORT, 'certificates may depend on the key'); END;

CREATE TABLE certificate_requests (
    request    BLOB PRIMARY KEY CHECK (length(request) = 16),
    authority  TEXT NOT NULL REFERENCES authorities (authority),
    kind       TEXT NOT NULL CHECK (kind IN ('new', 'renew', 'change', 'reissue', 'revoke')),
    target     BLOB,
    reason     INTEGER,
    device_id  BLOB REFERENCES devices (device_id),
    csr        BLOB NOT NULL,
    profile    TEXT NOT NULL CHECK (profile IN ('personal', 'enterprise', 'seal-maker')),
    dual       INTEGER NOT NULL CHECK (dual IN (0, 1)),
    state      TEXT NOT NULL CHECK (state IN ('draft', 'review', 'returned', 'approved', 'closed')),
    decisions  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    CHECK ((kind = 'new') = (target IS NULL)),
    CHECK ((kind = 'revoke') = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_requests_created ON certificate_requests (created_ms);
CREATE INDEX certificate_requests_of_device ON certificate_requests (device_id, created_ms);

-- `listed_ms` and `reason` are what revocation lists say, `status_version` is that of the authority when it last changed.
CREATE TABLE certificates (
    authority      TEXT NOT NULL REFERENCES authorities (authority),
    serial         BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
    role           TEXT NOT NULL CHECK (role IN ('sign', 'encrypt')),
    state          TEXT NOT NULL
        CHECK (state IN ('valid', 'expired', 'frozen', 'needs-change', 'superseded', 'revoked')),
    subject        BLOB NOT NULL,
    public_key     BLOB NOT NULL CHECK (length(public_key) = 64),
    device_id      BLOB REFERENCES devices (device_id),
    key_id         BLOB CHECK (length(key_id) = 16),
    pair           BLOB,
    replaces       BLOB,
    request        BLOB REFERENCES certificate_requests (request),
    not_before_ms  INTEGER NOT NULL,
    not_after_ms   INTEGER NOT NULL,
    issued_ms      INTEGER NOT NULL,
    listed_ms      INTEGER,
    reason         INTEGER,
    status_version INTEGER NOT NULL DEFAULT 0,
    der            BLOB NOT NULL,
    PRIMARY KEY (authority, serial),
    CHECK ((listed_ms IS NULL) = (reason IS NULL)),
    CHECK (state NOT IN ('revoked', 'frozen') OR listed_ms IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_issued ON certificates (issued_ms);
CREATE INDEX certificates_of_device ON certificates (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX certificates_of_key ON certificates (public_key);
CREATE INDEX certificates_of_request ON certificates (request) WHERE request IS NOT NULL;
CREATE INDEX certificates_status ON certificates (authority, status_version);
CREATE INDEX certificates_ending ON certificates (not_after_ms) WHERE state IN ('valid', 'frozen', 'needs-change');
-- One in force for a subject, its device and role.
CREATE UNIQUE INDEX certificates_in_force ON certificates (authority, device_id, subject, role)
    WHERE device_id IS NOT NULL AND state IN ('valid', 'frozen', 'needs-change');
CREATE TRIGGER certificates_are_kept BEFORE DELETE ON certificates
BEGIN SELECT RAISE(ABORT, 'certificates are kept'); END;
CREATE TRIGGER certificates_stay_revoked BEFORE UPDATE ON certificates
WHEN old.state = 'revoked' AND (new.state <> 'revoked' OR new.listed_ms IS NULL)
BEGIN SELECT RAISE(ABORT, 'a revoked certificate stays revoked'); END;

-- The newest full list (0) and the newest delta list (1) of an authority, and the full list that delta lists add to (2).
CREATE TABLE revocation_lists (
    authority      TEXT NOT NULL REFERENCES authorities (authority),
    kind           INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
    number         INTEGER NOT NULL CHECK (number >= 1),
    status_version INTEGER NOT NULL,
    this_update_ms INTEGER NOT NULL,
    next_update_ms INTEGER NOT NULL,
    der            BLOB NOT NULL,
    PRIMARY KEY (authority, kind)
) STRICT, WITHOUT ROWID;

-- Decryption keys, sealed so that a quorum of custodians opens them.
CREATE TABLE escrowed_keys (
    public_key BLOB PRIMARY KEY CHECK (length(public_key) = 64),
    authority  TEXT NOT NULL REFERENCES authorities (authority),
    container  BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER escrowed_keys_are_kept BEFORE DELETE ON escrowed_keys
BEGIN SELECT RAISE(ABORT, 'an escrowed key is kept'); END;
