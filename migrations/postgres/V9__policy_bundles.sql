-- By which files a policy decision was made: the SHA-256 of them, if the engine tells it.
ALTER TABLE policy_decisions ADD COLUMN bundle bytea;
