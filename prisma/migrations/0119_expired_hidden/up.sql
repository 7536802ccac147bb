-- The moment that a transaction answers from: what has expired by then is hidden from it. Without one nothing is hidden:
-- projectors, and whoever keeps memories in order, work on all.
CREATE FUNCTION app.current_moment() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('mnemograph.moment', true), '')::timestamptz, '-infinity');

-- Until when a memory is kept, of its present revision: beside who may see it, so that one fence serves all that reads memories.
ALTER TABLE memory.memories ADD COLUMN retention_until timestamptz;
ALTER TABLE memory.memories NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.revisions NO FORCE ROW LEVEL SECURITY;
UPDATE memory.memories SET retention_until = revisions.retention_until FROM memory.revisions
WHERE revisions.memory_id = memories.id AND revisions.known_until IS NULL AND revisions.retention_until IS NOT NULL;
ALTER TABLE memory.memories FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY unexpired ON memory.memories AS RESTRICTIVE FOR SELECT TO mnemograph_memory
  USING (retention_until IS NULL OR retention_until > (SELECT app.current_moment()));

-- The viewer's memories of these names whose time is over: the names are free again when they are taken.
CREATE FUNCTION memory.expired_of_names(names text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT memories.id FROM memory.memories
  WHERE memories.owner_id = app.current_user_id() AND memories.external_id = ANY (names)
    AND memories.forgotten_at IS NULL AND memories.retention_until <= app.current_moment();
END;
ALTER FUNCTION memory.expired_of_names(text[]) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.expired_of_names(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.expired_of_names(text[]) TO mnemograph_memory;
