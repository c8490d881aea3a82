-- One public key may have several key ids, each with its own device, shares, epoch and PIN gate.

-- Where the first shares of an issued key id come from: key generation, a split of that key id, or the recovered key with
-- that public key.
ALTER TABLE key_ids ADD COLUMN split_of BLOB CHECK (length(split_of) = 16);
ALTER TABLE key_ids ADD COLUMN recovers BLOB
    CHECK (recovers IS NULL OR (length(recovers) = 64 AND split_of IS NULL));

-- The same table with a public key that is not unique, made anew because SQLite takes no constraint away.
CREATE TABLE keys_anew (
    key_id       BLOB PRIMARY KEY REFERENCES key_ids (key_id),
    device_id    BLOB NOT NULL REFERENCES devices (device_id),
    suite        INTEGER NOT NULL CHECK (suite IN (1, 2)),
    purpose      INTEGER NOT NULL CHECK (purpose IN (1, 2)),
    status       TEXT NOT NULL CHECK (status IN ('pending', 'arriving', 'active', 'suspended', 'revoked')),
    epoch        INTEGER NOT NULL CHECK (epoch >= 1),
    rid          BLOB NOT NULL CHECK (length(rid) = 16),
    public_key   BLOB NOT NULL CHECK (length(public_key) = 64),
    created_ms   INTEGER NOT NULL,
    fails        INTEGER NOT NULL DEFAULT 0,
    total        INTEGER NOT NULL DEFAULT 0,
    unlock_at_ms INTEGER NOT NULL DEFAULT 0,
    refresh_required INTEGER NOT NULL DEFAULT 0 CHECK (refresh_required IN (0, 1)),
    -- Those with this share. The quota is for the public key: revoked rows count on.
    decrypts     INTEGER NOT NULL DEFAULT 0,
    pending_sign BLOB CHECK (length(pending_sign) = 32),
    share        BLOB NOT NULL,
    pending      BLOB,
    version      INTEGER NOT NULL DEFAULT 1,
    -- What it was split from, and what becomes of that: 0 stays, 1 is revoked in the moment in which this one arrives.
    parent       BLOB REFERENCES key_ids (key_id),
    parent_kind  INTEGER CHECK (parent_kind IN (0, 1)),
    -- One more share of somebody else's key.
    seat         INTEGER NOT NULL DEFAULT 0 CHECK (seat IN (0, 1)),
    -- How many of those the owner of this one may give.
    max_seats    INTEGER NOT NULL DEFAULT 0 CHECK (max_seats >= 0),
    -- A seat that moves is one: until the new share has arrived, the old one counts.
    live_seat    INTEGER
        GENERATED ALWAYS AS (seat AND status <> 'revoked' AND NOT (status = 'arriving' AND parent_kind IS 1)) VIRTUAL,
    share_key    BLOB
        GENERATED ALWAYS AS (CASE WHEN length(share) > 0 THEN substr(share, 2, 4) END) VIRTUAL
        REFERENCES wrapping_keys (version),
    pending_key  BLOB
        GENERATED ALWAYS AS (substr(pending, 2, 4)) VIRTUAL
        REFERENCES wrapping_keys (version),
    CHECK ((parent IS NULL) = (parent_kind IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO keys_anew (key_id, device_id, suite, purpose, status, epoch, rid, public_key, created_ms, fails, total,
    unlock_at_ms, refresh_required, decrypts, pending_sign, share, pending, version)
SELECT key_id, device_id, suite, purpose, status, epoch, rid, public_key, created_ms, fails, total,
    unlock_at_ms, refresh_required, decrypts, pending_sign, share, pending, version
FROM keys;
DROP TABLE keys;
ALTER TABLE keys_anew RENAME TO keys;

CREATE INDEX keys_of_device ON keys (device_id);
CREATE INDEX keys_of_public_key ON keys (public_key);
CREATE INDEX keys_of_share_key ON keys (share_key);
CREATE INDEX keys_of_pending_key ON keys (pending_key);
-- Compared with the revocations on record whenever the database is opened.
CREATE INDEX keys_revoked ON keys (key_id) WHERE status = 'revoked';
