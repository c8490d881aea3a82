-- The tables of a PostgreSQL database, as the migrations for SQLite leave them. Times are unix milliseconds. Identifiers and
-- hashes are raw bytes. Nothing here opens a key without the master key.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE devices (
    device_id   BYTEA PRIMARY KEY CHECK (length(device_id) = 32),
    name        TEXT NOT NULL,
    enrolled_ms BIGINT NOT NULL
);

-- Only the SM3 of a code is kept.
CREATE TABLE enrolment_codes (
    code_hash  BYTEA PRIMARY KEY CHECK (length(code_hash) = 32),
    uses_left  BIGINT NOT NULL CHECK (uses_left >= 0),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Key ids are issued to a device and used up by the first message of key generation.
CREATE TABLE key_ids (
    key_id     BYTEA PRIMARY KEY CHECK (length(key_id) = 16),
    device_id  BYTEA NOT NULL REFERENCES devices (device_id),
    purpose    BIGINT NOT NULL CHECK (purpose IN (1, 2)),
    label      TEXT NOT NULL,
    issued_ms  BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms    BIGINT,
    suite      BIGINT NOT NULL CHECK (suite IN (1, 2)),
    -- How the PIN of a key is turned into its mask.
    mode       TEXT NOT NULL CHECK (mode IN ('base', 'oblivious')),
    -- Where the first shares come from: key generation, a split of that key id, or the recovered key with that public key.
    split_of   BYTEA CHECK (length(split_of) = 16),
    recovers   BYTEA CHECK (recovers IS NULL OR (length(recovers) = 64 AND split_of IS NULL))
);
CREATE INDEX key_ids_of_device ON key_ids (device_id, expires_ms);

-- Wrapping keys, each wrapped by the master key that `meta` names. `version` is a big-endian number of 4 bytes, as it
-- stands in every record sealed under it (byte 0 is the form of the record, bytes 1 to 4 are the version).
CREATE TABLE wrapping_keys (
    version    BYTEA PRIMARY KEY CHECK (length(version) = 4),
    wrapped    BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
);

-- `version` grows with every change; a server that holds a key in memory checks it with every operation. `share` and
-- `pending` are sealed; both are empty once the key is revoked. One public key may have several key ids, each with its own
-- device, shares, epoch and PIN gate.
CREATE TABLE keys (
    key_id       BYTEA PRIMARY KEY REFERENCES key_ids (key_id),
    device_id    BYTEA NOT NULL REFERENCES devices (device_id),
    suite        BIGINT NOT NULL CHECK (suite IN (1, 2)),
    purpose      BIGINT NOT NULL CHECK (purpose IN (1, 2)),
    status       TEXT NOT NULL CHECK (status IN ('pending', 'arriving', 'active', 'suspended', 'revoked')),
    epoch        BIGINT NOT NULL CHECK (epoch >= 1),
    rid          BYTEA NOT NULL CHECK (length(rid) = 16),
    public_key   BYTEA NOT NULL CHECK (length(public_key) = 64),
    created_ms   BIGINT NOT NULL,
    fails        BIGINT NOT NULL DEFAULT 0,
    total        BIGINT NOT NULL DEFAULT 0,
    unlock_at_ms BIGINT NOT NULL DEFAULT 0,
    refresh_required BOOLEAN NOT NULL DEFAULT FALSE,
    -- Those with this share. The quota is for the public key: revoked rows count on.
    decrypts     BIGINT NOT NULL DEFAULT 0,
    pending_sign BYTEA CHECK (length(pending_sign) = 32),
    share        BYTEA NOT NULL,
    pending      BYTEA,
    version      BIGINT NOT NULL DEFAULT 1,
    -- What it was split from, and what becomes of that: 0 stays, 1 is revoked in the moment in which this one arrives.
    parent       BYTEA REFERENCES key_ids (key_id),
    parent_kind  BIGINT CHECK (parent_kind IN (0, 1)),
    -- One more share of somebody else's key.
    seat         BOOLEAN NOT NULL DEFAULT FALSE,
    -- How many of those the owner of this one may give.
    max_seats    BIGINT NOT NULL DEFAULT 0 CHECK (max_seats >= 0),
    -- A seat that moves is one: until the new share has arrived, the old one counts.
    live_seat    BIGINT
        GENERATED ALWAYS AS (CASE WHEN seat AND status <> 'revoked' AND NOT (status = 'arriving' AND parent_kind IS NOT DISTINCT FROM 1)
            THEN 1 ELSE 0 END) STORED,
    share_key    BYTEA
        GENERATED ALWAYS AS (CASE WHEN length(share) > 0 THEN substr(share, 2, 4) END) STORED
        REFERENCES wrapping_keys (version),
    pending_key  BYTEA
        GENERATED ALWAYS AS (substr(pending, 2, 4)) STORED
        REFERENCES wrapping_keys (version),
    mode         TEXT NOT NULL CHECK (mode IN ('base', 'oblivious')),
    -- The last evaluation of a PIN whose request has not come: its session, and what of `fails` and `total` is its.
    charge       BYTEA CHECK (length(charge) = 16),
    charge_fails BIGINT CHECK ((charge_fails IS NULL) = (charge IS NULL)),
    charge_total BIGINT CHECK ((charge_total IS NULL) = (charge IS NULL)),
    CHECK ((parent IS NULL) = (parent_kind IS NULL))
);
CREATE INDEX keys_of_device ON keys (device_id);
CREATE INDEX keys_of_share_key ON keys (share_key);
CREATE INDEX keys_of_pending_key ON keys (pending_key);
CREATE INDEX keys_of_public_key ON keys (public_key);
-- Compared with the revocations on record whenever the database is opened.
CREATE INDEX keys_revoked ON keys (key_id) WHERE status = 'revoked';

CREATE TABLE spent_sessions (
    key_id   BYTEA NOT NULL,
    sid      BYTEA NOT NULL CHECK (length(sid) = 16),
    fp       BYTEA NOT NULL CHECK (length(fp) = 32),
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (key_id, sid)
);
CREATE INDEX spent_sessions_until ON spent_sessions (until_ms);

-- The leaves of a Merkle tree (RFC 9162 with SM3). `hashes` is that of the leaf and those of the complete subtrees that end
-- with it, from level 0 up, 32 bytes each. `key_id`, `sid` and `activated` repeat what the record says, to find it by.
CREATE TABLE audit (
    seq       BIGINT PRIMARY KEY,
    record    BYTEA NOT NULL,
    hashes    BYTEA NOT NULL CHECK (length(hashes) >= 32 AND length(hashes) % 32 = 0),
    key_id    BYTEA CHECK (length(key_id) = 16),
    sid       BYTEA CHECK (length(sid) = 16),
    activated BIGINT
);
CREATE INDEX audit_of_key ON audit (key_id, seq, sid) WHERE key_id IS NOT NULL;
-- The highest epoch that the log has seen activated: a key row rolled back to an older epoch is not loaded.
CREATE INDEX audit_epochs ON audit (key_id, activated) WHERE activated IS NOT NULL;
CREATE TRIGGER audit_keeps_records BEFORE DELETE ON audit FOR EACH ROW
    EXECUTE FUNCTION refuse('the audit log is append-only');
CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit FOR EACH ROW
    EXECUTE FUNCTION refuse('the audit log is append-only');

-- The one private key that signs tree heads, sealed like a share.
CREATE TABLE audit_key (
    number     BIGINT PRIMARY KEY CHECK (number = 1),
    public_key BYTEA NOT NULL CHECK (length(public_key) = 64),
    sealed     BYTEA NOT NULL,
    sealed_key BYTEA GENERATED ALWAYS AS (substr(sealed, 2, 4)) STORED NOT NULL
        REFERENCES wrapping_keys (version)
);

-- Signed tree heads of the audit log, in the order in which they were signed.
CREATE TABLE tree_heads (
    number BIGINT PRIMARY KEY,
    size   BIGINT NOT NULL,
    head   BYTEA NOT NULL CHECK (length(head) = 144)
);
CREATE INDEX tree_heads_of_size ON tree_heads (size);
CREATE TRIGGER tree_heads_are_kept BEFORE DELETE ON tree_heads FOR EACH ROW
    EXECUTE FUNCTION refuse('the audit log is append-only');
CREATE TRIGGER tree_heads_keep_values BEFORE UPDATE ON tree_heads FOR EACH ROW
    EXECUTE FUNCTION refuse('the audit log is append-only');

-- What a request with an Idempotency-Key did, for 24 hours.
CREATE TABLE outcomes (
    device_id   BYTEA NOT NULL,
    once_key    TEXT NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (length(fingerprint) = 32),
    outcome     TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (device_id, once_key)
);
CREATE INDEX outcomes_created ON outcomes (created_ms);

-- Whole SM2 key pairs that bids are time-locked to; the private ones sealed like shares. `retired_ms` ends new bids, not
-- the opening of old ones: no row is ever deleted.
CREATE TABLE opening_keys (
    public_key BYTEA PRIMARY KEY CHECK (length(public_key) = 64),
    label      TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    retired_ms BIGINT,
    sealed     BYTEA NOT NULL,
    sealed_key BYTEA GENERATED ALWAYS AS (substr(sealed, 2, 4)) STORED NOT NULL
        REFERENCES wrapping_keys (version)
);
CREATE INDEX opening_keys_of_sealed_key ON opening_keys (sealed_key);
CREATE TRIGGER opening_keys_are_kept BEFORE DELETE ON opening_keys FOR EACH ROW
    EXECUTE FUNCTION refuse('a bid may be locked to the opening key');

-- Certification authorities. `chain` is the certificate of the authority and those above it, DER, one after another.
-- `status_version` grows with every change that revocation lists show.
CREATE TABLE authorities (
    authority      TEXT PRIMARY KEY CHECK (length(authority) BETWEEN 1 AND 32),
    label          TEXT NOT NULL,
    chain          BYTEA NOT NULL,
    options        TEXT NOT NULL,
    created_ms     BIGINT NOT NULL,
    retired_ms     BIGINT,
    status_version BIGINT NOT NULL DEFAULT 0
);
CREATE TRIGGER authorities_are_kept BEFORE DELETE ON authorities FOR EACH ROW
    EXECUTE FUNCTION refuse('certificates may name the authority');

-- Their private keys, sealed like shares.
CREATE TABLE authority_keys (
    public_key  BYTEA PRIMARY KEY CHECK (length(public_key) = 64),
    authority   TEXT NOT NULL REFERENCES authorities (authority),
    duty        TEXT NOT NULL CHECK (duty IN ('certify', 'answer', 'stamp')),
    certificate BYTEA NOT NULL,
    created_ms  BIGINT NOT NULL,
    sealed      BYTEA NOT NULL,
    sealed_key  BYTEA GENERATED ALWAYS AS (substr(sealed, 2, 4)) STORED NOT NULL
        REFERENCES wrapping_keys (version),
    UNIQUE (authority, duty)
);
CREATE INDEX authority_keys_of_sealed_key ON authority_keys (sealed_key);
CREATE TRIGGER authority_keys_are_kept BEFORE DELETE ON authority_keys FOR EACH ROW
    EXECUTE FUNCTION refuse('certificates may depend on the key');

CREATE TABLE certificate_requests (
    request    BYTEA PRIMARY KEY CHECK (length(request) = 16),
    authority  TEXT NOT NULL REFERENCES authorities (authority),
    kind       TEXT NOT NULL CHECK (kind IN ('new', 'renew', 'change', 'reissue', 'revoke')),
    target     BYTEA,
    reason     BIGINT,
    device_id  BYTEA REFERENCES devices (device_id),
    csr        BYTEA NOT NULL,
    profile    TEXT NOT NULL CHECK (profile IN ('personal', 'enterprise', 'seal-maker')),
    dual       BOOLEAN NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('draft', 'review', 'returned', 'approved', 'closed')),
    decisions  TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1,
    CHECK ((kind = 'new') = (target IS NULL)),
    CHECK ((kind = 'revoke') = (reason IS NOT NULL))
);
CREATE INDEX certificate_requests_created ON certificate_requests (created_ms);
CREATE INDEX certificate_requests_of_device ON certificate_requests (device_id, created_ms);

-- `listed_ms` and `reason` are what revocation lists say, `status_version` is that of the authority when it last changed.
CREATE TABLE certificates (
    authority      TEXT NOT NULL REFERENCES authorities (authority),
    serial         BYTEA NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
    role           TEXT NOT NULL CHECK (role IN ('sign', 'encrypt')),
    state          TEXT NOT NULL
        CHECK (state IN ('valid', 'expired', 'frozen', 'needs-change', 'superseded', 'revoked')),
    subject        BYTEA NOT NULL,
    public_key     BYTEA NOT NULL CHECK (length(public_key) = 64),
    device_id      BYTEA REFERENCES devices (device_id),
    key_id         BYTEA CHECK (length(key_id) = 16),
    pair           BYTEA,
    replaces       BYTEA,
    request        BYTEA REFERENCES certificate_requests (request),
    not_before_ms  BIGINT NOT NULL,
    not_after_ms   BIGINT NOT NULL,
    issued_ms      BIGINT NOT NULL,
    listed_ms      BIGINT,
    reason         BIGINT,
    status_version BIGINT NOT NULL DEFAULT 0,
    der            BYTEA NOT NULL,
    PRIMARY KEY (authority, serial),
    CHECK ((listed_ms IS NULL) = (reason IS NULL)),
    CHECK (state NOT IN ('revoked', 'frozen') OR listed_ms IS NOT NULL)
);
CREATE INDEX certificates_issued ON certificates (issued_ms);
CREATE INDEX certificates_of_device ON certificates (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX certificates_of_key ON certificates (public_key);
CREATE INDEX certificates_of_request ON certificates (request) WHERE request IS NOT NULL;
CREATE INDEX certificates_status ON certificates (authority, status_version);
CREATE INDEX certificates_ending ON certificates (not_after_ms) WHERE state IN ('valid', 'frozen', 'needs-change');
-- One in force for a subject, its device and role.
CREATE UNIQUE INDEX certificates_in_force ON certificates (authority, device_id, subject, role)
    WHERE device_id IS NOT NULL AND state IN ('valid', 'frozen', 'needs-change');
CREATE TRIGGER certificates_are_kept BEFORE DELETE ON certificates FOR EACH ROW
    EXECUTE FUNCTION refuse('certificates are kept');
CREATE TRIGGER certificates_stay_revoked BEFORE UPDATE ON certificates FOR EACH ROW
    WHEN (old.state = 'revoked' AND (new.state <> 'revoked' OR new.listed_ms IS NULL))
    EXECUTE FUNCTION refuse('a revoked certificate stays revoked');

-- The newest full list (0) and the newest delta list (1) of an authority, and the full list that delta lists add to (2).
CREATE TABLE revocation_lists (
    authority      TEXT NOT NULL REFERENCES authorities (authority),
    kind           BIGINT NOT NULL CHECK (kind IN (0, 1, 2)),
    number         BIGINT NOT NULL CHECK (number >= 1),
    status_version BIGINT NOT NULL,
    this_update_ms BIGINT NOT NULL,
    next_update_ms BIGINT NOT NULL,
    der            BYTEA NOT NULL,
    PRIMARY KEY (authority, kind)
);

-- Decryption keys, sealed so that a quorum of custodians opens them.
CREATE TABLE escrowed_keys (
    public_key BYTEA PRIMARY KEY CHECK (length(public_key) = 64),
    authority  TEXT NOT NULL REFERENCES authorities (authority),
    container  BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE TRIGGER escrowed_keys_are_kept BEFORE DELETE ON escrowed_keys FOR EACH ROW
    EXECUTE FUNCTION refuse('an escrowed key is kept');
