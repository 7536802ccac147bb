-- What a request has done so far, saved with each step; and since when a process is at it.
ALTER TABLE users.privacy_requests ADD COLUMN counts jsonb NOT NULL DEFAULT '{}', ADD COLUMN taken_at timestamptz;
GRANT UPDATE (counts, taken_at) ON users.privacy_requests TO mnemograph_privacy;
