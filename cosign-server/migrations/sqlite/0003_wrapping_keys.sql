-- Wrapping keys, each wrapped by the master key that `meta` names. `version` is a big-endian number of 4 bytes, as it
-- stands in every record sealed under it (byte 0 is the form of the record, bytes 1 to 4 are the version).
CREATE TABLE wrapping_keys (
    version    BLOB PRIMARY KEY CHECK (length(version) = 4),
    wrapped    BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A record whose wrapping key is gone cannot be written, and a wrapping key that a record names cannot be deleted.
ALTER TABLE keys ADD COLUMN share_key BLOB
    GENERATED ALWAYS AS (CASE WHEN length(share) > 0 THEN substr(share, 2, 4) END) VIRTUAL
    REFERENCES wrapping_keys (version);
ALTER TABLE keys ADD COLUMN pending_key BLOB
    GENERATED ALWAYS AS (substr(pending, 2, 4)) VIRTUAL
    REFERENCES wrapping_keys (version);
CREATE INDEX keys_of_share_key ON keys (share_key);
CREATE INDEX keys_of_pending_key ON keys (pending_key);

-- The one private key that signs tree heads, sealed like a share.
CREATE TABLE audit_key (
    number     INTEGER PRIMARY KEY CHECK (number = 1),
    public_key BLOB NOT NULL CHECK (length(public_key) = 64),
    sealed     BLOB NOT NULL,
    sealed_key BLOB GENERATED ALWAYS AS (substr(sealed, 2, 4)) VIRTUAL NOT NULL
        REFERENCES wrapping_keys (version)
) STRICT;
