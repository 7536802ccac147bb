DROP INDEX memory.revisions_kept_by_rules;
ALTER TABLE memory.revisions DROP COLUMN retention_asked, DROP COLUMN kept_from;
