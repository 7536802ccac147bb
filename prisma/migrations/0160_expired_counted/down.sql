DROP FUNCTION memory.count_expired(timestamptz, text[]);
