ALTER TABLE users.privacy_requests DROP COLUMN counts, DROP COLUMN taken_at;
