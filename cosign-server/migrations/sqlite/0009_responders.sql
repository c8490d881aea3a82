-- A key of its own answers about revocation. SQLite cannot widen a CHECK in place.
CREATE TABLE authority_keys_new (
    public_key  BLOB PRIMARY KEY CHECK (length(public_key) = 64),
    authority   TEXT NOT NULL REFERENCES authorities (authority),
    duty        TEXT NOT NULL CHECK (duty IN ('certify', 'answer', 'stamp')),
    certificate BLOB NOT NULL,
    created_ms  INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    sealed_key  BLOB GENERATED ALWAYS AS (substr(sealed, 2, 4)) VIRTUAL NOT NULL
        REFERENCES wrapping_keys (version),
    UNIQUE (authority, duty)
) STRICT, WITHOUT ROWID;
INSERT INTO authority_keys_new (public_key, authority, duty, certificate, created_ms, sealed)
    SELECT public_key, authority, duty, certificate, created_ms, sealed FROM authority_keys;
DROP TABLE authority_keys;
ALTER TABLE authority_keys_new RENAME TO authority_keys;
CREATE INDEX authority_keys_of_sealed_key ON authority_keys (sealed_key);
CREATE TRIGGER authority_keys_are_kept BEFORE DELETE ON authority_keys
BEGIN SELECT RAISE(ABORT, 'certificates may depend on the key'); END;
