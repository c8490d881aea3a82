-- The office: accounts, people, enterprises and what they do. Every thing with states is an entity; its body is JSON, in which
-- personal data is encrypted. `version` grows with every change, and a change supposes the version that it was judged by.
CREATE TABLE entities (
    kind       TEXT NOT NULL,
    id         BLOB NOT NULL CHECK (length(id) = 16),
    state      TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    due_ms     INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entities_in_state ON entities (kind, state, created_ms, id);
CREATE INDEX entities_due ON entities (due_ms) WHERE due_ms IS NOT NULL;

-- What only one entity of a kind may be called at a time. A name is 32 bytes: a hash, or a keyed one of something personal.
CREATE TABLE entity_names (
    kind TEXT NOT NULL,
    name BLOB NOT NULL CHECK (length(name) = 32),
    id   BLOB NOT NULL,
    PRIMARY KEY (kind, name),
    FOREIGN KEY (kind, id) REFERENCES entities (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX names_of_entity ON entity_names (kind, id);

-- Under whom it is listed.
CREATE TABLE entity_refs (
    kind       TEXT NOT NULL,
    target     BLOB NOT NULL CHECK (length(target) = 16),
    created_ms INTEGER NOT NULL,
    id         BLOB NOT NULL,
    PRIMARY KEY (kind, target, created_ms, id),
    FOREIGN KEY (kind, id) REFERENCES entities (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_of_entity ON entity_refs (kind, id);

-- What was done, by whom and with what result. No personal data.
CREATE TABLE operations (
    seq        INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    actor      BLOB,
    kind       TEXT NOT NULL,
    id         BLOB NOT NULL,
    event      TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT NOT NULL
) STRICT;
CREATE INDEX operations_of_actor ON operations (actor, seq) WHERE actor IS NOT NULL;
CREATE INDEX operations_of_entity ON operations (kind, id, seq);

-- The one key under which personal data is encrypted and indexed, sealed like a share.
CREATE TABLE personal_key (
    number     INTEGER PRIMARY KEY CHECK (number = 1),
    sealed     BLOB NOT NULL,
    sealed_key BLOB GENERATED ALWAYS AS (substr(sealed, 2, 4)) VIRTUAL NOT NULL
        REFERENCES wrapping_keys (version)
) STRICT;
