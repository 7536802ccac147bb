CREATE OR REPLACE FUNCTION memory.expired_of_names(names text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT memories.id FROM memory.memories
  WHERE memories.owner_id = app.current_user_id() AND memories.external_id = ANY (names)
    AND memories.forgotten_at IS NULL AND memories.retention_until <= app.current_moment();
END;
DROP POLICY kept_by_rules ON memory.memories;
DROP FUNCTION memory.over_by_rules(uuid);
DROP FUNCTION memory.rules_pending();
DROP TABLE memory.rules_to_apply;
