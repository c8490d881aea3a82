-- How the PIN of a key is turned into its mask; fixed when its id is issued. Keys from before there was a choice have mode
-- base.
ALTER TABLE key_ids ADD COLUMN mode TEXT NOT NULL DEFAULT 'base' CHECK (mode IN ('base', 'oblivious'));
ALTER TABLE keys ADD COLUMN mode TEXT NOT NULL DEFAULT 'base' CHECK (mode IN ('base', 'oblivious'));

-- The last evaluation of a PIN whose request has not come: its session, and what of `fails` and `total` is its.
ALTER TABLE keys ADD COLUMN charge BLOB CHECK (length(charge) = 16);
ALTER TABLE keys ADD COLUMN charge_fails INTEGER CHECK ((charge_fails IS NULL) = (charge IS NULL));
ALTER TABLE keys ADD COLUMN charge_total INTEGER CHECK ((charge_total IS NULL) = (charge IS NULL));
