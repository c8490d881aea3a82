-- What is looked for every ten seconds to be dropped: without these every key and every id was read for it.
CREATE INDEX keys_waiting ON keys (created_ms) WHERE status IN ('pending', 'arriving');
CREATE INDEX key_ids_unused ON key_ids (expires_ms) WHERE used_ms IS NULL;
-- An id is dropped only if no key names it as its parent.
CREATE INDEX keys_of_parent ON keys (parent) WHERE parent IS NOT NULL;
