-- Compared with the revocations on record whenever the database is opened.
CREATE INDEX keys_revoked ON keys (key_id) WHERE status = 'revoked';
