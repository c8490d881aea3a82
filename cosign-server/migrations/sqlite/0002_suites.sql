-- How the two parties sign with a key; fixed when its id is issued. Keys from before there was a choice have suite D (1).
ALTER TABLE key_ids ADD COLUMN suite INTEGER NOT NULL DEFAULT 1 CHECK (suite IN (1, 2));
ALTER TABLE keys ADD COLUMN suite INTEGER NOT NULL DEFAULT 1 CHECK (suite IN (1, 2));
