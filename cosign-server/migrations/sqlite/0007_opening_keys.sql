-- Whole SM2 key pairs that bids are time-locked to; the private ones sealed like shares. `retired_ms` ends new bids, not
-- the opening of old ones: no row is ever deleted.
CREATE TABLE opening_keys (
    public_key BLOB PRIMARY KEY CHECK (length(public_key) = 64),
    label      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    retired_ms INTEGER,
    sealed     BLOB NOT NULL,
    sealed_key BLOB GENERATED ALWAYS AS (substr(sealed, 2, 4)) VIRTUAL NOT NULL
        REFERENCES wrapping_keys (version)
) STRICT, WITHOUT ROWID;
CREATE INDEX opening_keys_of_sealed_key ON opening_keys (sealed_key);
CREATE TRIGGER opening_keys_are_kept BEFORE DELETE ON opening_keys
BEGIN SELECT RAISE(ABORT, 'a bid may be locked to the opening key'); END;
