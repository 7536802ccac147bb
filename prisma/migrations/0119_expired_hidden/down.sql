DROP FUNCTION memory.expired_of_names(text[]);
DROP POLICY unexpired ON memory.memories;
ALTER TABLE memory.memories DROP COLUMN retention_until;
DROP FUNCTION app.current_moment();
