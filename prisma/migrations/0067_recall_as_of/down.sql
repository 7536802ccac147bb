DROP FUNCTION memory.search_as_of(text[], double precision[], integer, timestamptz, text[], text, uuid, timestamptz, timestamptz, jsonb);
DROP TRIGGER move_past ON memory.memories;
DROP TRIGGER forget_past ON memory.memories;
DROP TRIGGER keep_past ON memory.revisions;
DROP FUNCTION memory.follow_past();
DROP FUNCTION memory.keep_past(memory.revisions);
DROP TABLE memory.past_postings;
