-- Whom a grant lets in: a user or a team as named; of an agent or a session its owner, who acts for it.
ALTER TABLE memory.grants ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE memory.grants ADD COLUMN grantee_id uuid NOT NULL;
DROP INDEX memory.grants_subject;
CREATE INDEX grants_grantee ON memory.grants (grantee_id, memory_id);
SELECT audit.watch('memory.grants');

-- A grant counts only when it was given by the memory's own owner.
DROP POLICY read_granted ON memory.memories;
CREATE POLICY read_granted ON memory.memories FOR SELECT TO mnemograph_memory
  USING (visibility = 'SHARED' AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.grants WHERE grants.memory_id = memories.id AND grants.owner_id = memories.owner_id
                AND grants.grantee_id = ANY ((SELECT app.current_principals())::uuid[])));
DROP POLICY read_grants ON memory.grants;
CREATE POLICY read_grants ON memory.grants FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND (owner_id = (SELECT app.current_user_id()) OR grantee_id = ANY ((SELECT app.current_principals())::uuid[])));
DROP POLICY privacy_received ON memory.grants;
CREATE POLICY privacy_received ON memory.grants TO mnemograph_privacy USING (grantee_id = (SELECT app.current_user_id()));

-- Whether the viewer was given leave to change another's memory. Asked of one memory at a time.
CREATE FUNCTION memory.may_write(memory uuid, owner uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM memory.memories JOIN memory.grants ON grants.memory_id = memories.id AND grants.owner_id = memories.owner_id
    WHERE memories.id = memory AND memories.owner_id = owner AND memories.visibility <> 'PRIVATE'
      AND memories.forgotten_at IS NULL AND memories.tenant_id = app.current_tenant_id()
      AND grants.may_write AND grants.grantee_id = ANY (app.current_principals()));
END;
-- One's own rows are let through by other policies: the question, which costs a query for each row, is of others' alone.
CREATE POLICY write_granted ON memory.memories FOR UPDATE TO mnemograph_memory
  USING (owner_id <> (SELECT app.current_user_id()) AND visibility <> 'PRIVATE' AND memory.may_write(id, owner_id));
CREATE POLICY write_granted ON memory.revisions FOR INSERT TO mnemograph_memory
  WITH CHECK (owner_id <> (SELECT app.current_user_id()) AND visibility <> 'PRIVATE'
    AND tenant_id = (SELECT app.current_tenant_id()) AND memory.may_write(memory_id, owner_id));
CREATE POLICY update_granted ON memory.revisions FOR UPDATE TO mnemograph_memory
  USING (owner_id <> (SELECT app.current_user_id()) AND visibility <> 'PRIVATE' AND memory.may_write(memory_id, owner_id));
-- What a revised memory is found by stands on its owner's shelf.
CREATE POLICY shelf_of_writable ON memory.postings TO mnemograph_memory
  USING (owner_id <> (SELECT app.current_user_id()) AND shelf_id IN (owner_id, tenant_id)
    AND tenant_id = (SELECT app.current_tenant_id()) AND memory.may_write(memory_id, owner_id));
CREATE POLICY shelf_of_writable ON memory.shelves TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id()) AND shelf_id = owner_id
    AND EXISTS (SELECT FROM memory.grants WHERE grants.owner_id = shelves.owner_id AND grants.may_write
                AND grants.grantee_id = ANY ((SELECT app.current_principals())::uuid[])));

-- Whom a memory was given to, for whoever may change it: an event must name everybody who can see it.
CREATE FUNCTION memory.grantees(memory uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT coalesce(array_agg(DISTINCT grants.grantee_id), '{}')
  FROM memory.memories JOIN memory.grants ON grants.memory_id = memories.id AND grants.owner_id = memories.owner_id
  WHERE memories.id = memory
    AND (memories.owner_id = app.current_user_id() OR memory.may_write(memories.id, memories.owner_id));
END;

-- Whom a grant to this subject lets in; null for a subject that the viewer may not name. Users of the tenant know each
-- other; a team is named by its members and by admins; an agent or session by its owner and by those in a team with him.
CREATE FUNCTION memory.grantee_of(kind text, subject uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  viewer uuid := app.current_user_id();
  tenant uuid := app.current_tenant_id();
  found uuid;
BEGIN
  IF kind = 'USER' THEN
    RETURN (SELECT users.id FROM users.users WHERE users.id = subject AND users.tenant_id = tenant);
  ELSIF kind = 'TEAM' THEN
    RETURN (SELECT teams.id FROM app.teams WHERE teams.id = subject AND teams.tenant_id = tenant
      AND (teams.id = ANY (app.current_principals())
        OR EXISTS (SELECT FROM users.users WHERE users.id = viewer AND users.tenant_id = tenant AND users.role = 'ADMIN')));
  ELSIF kind = 'AGENT' THEN
    found := (SELECT agents.owner_id FROM agents.agents WHERE agents.id = subject AND agents.tenant_id = tenant);
  ELSIF kind = 'SESSION' THEN
    found := (SELECT chat_sessions.owner_id FROM memory.chat_sessions
      WHERE chat_sessions.id = subject AND chat_sessions.tenant_id = tenant);
  END IF;
  IF found = viewer OR EXISTS (
    SELECT FROM app.team_members AS mine JOIN app.team_members AS theirs USING (team_id)
    WHERE mine.user_id = viewer AND mine.tenant_id = tenant AND theirs.user_id = found AND theirs.tenant_id = tenant) THEN
    RETURN found;
  END IF;
  RETURN NULL;
END
$$;
GRANT SELECT ON app.teams TO mnemograph_definer;
CREATE POLICY definer ON app.teams FOR SELECT TO mnemograph_definer USING (true);

-- The memories of others that the viewer was given, the newest grants first. What is public he finds on the tenant's shelf.
CREATE FUNCTION memory.granted(most integer) RETURNS TABLE (memory_id uuid, owner_id uuid)
LANGUAGE sql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT memories.id, memories.owner_id
  FROM (SELECT grants.memory_id, grants.owner_id, max(grants.created_at) AS granted_at FROM memory.grants
        WHERE grants.grantee_id = ANY ((SELECT app.current_principals())::uuid[])
        GROUP BY grants.memory_id, grants.owner_id) AS given
  JOIN memory.memories ON memories.id = given.memory_id AND memories.owner_id = given.owner_id
  WHERE memories.visibility = 'SHARED' AND memories.forgotten_at IS NULL
    AND memories.tenant_id = app.current_tenant_id() AND memories.owner_id <> app.current_user_id()
  ORDER BY given.granted_at DESC, memories.id LIMIT most;
END;

-- Which of these memories hold any of the terms: for each, how often it has each term, and how long it is. The memories
-- are those that the viewer was given: of any other it says nothing. `documents` counts them all.
CREATE FUNCTION memory.match_granted(asked text[], most integer)
RETURNS TABLE (memory_id uuid, frequencies integer[], length integer, documents integer)
LANGUAGE sql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH given AS MATERIALIZED (SELECT granted.memory_id FROM memory.granted(most))
  SELECT given.memory_id,
         ARRAY(SELECT coalesce((revisions.terms ->> item.term)::integer, 0)
               FROM unnest(asked) WITH ORDINALITY AS item (term, place) ORDER BY item.place),
         (SELECT coalesce(sum(value::integer), 0)::integer FROM jsonb_each_text(revisions.terms)),
         (SELECT count(*)::integer FROM given)
  FROM given CROSS JOIN LATERAL (
    -- However many were given, each is looked up.
    SELECT revisions.terms FROM memory.revisions
    WHERE revisions.memory_id = given.memory_id AND revisions.known_until IS NULL OFFSET 0
  ) AS revisions
  WHERE revisions.terms ?| asked;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['memory.may_write(uuid, uuid)', 'memory.grantees(uuid)', 'memory.grantee_of(text, uuid)', 'memory.granted(integer)',
    'memory.match_granted(text[], integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_memory', signature);
  END LOOP;
END
$$;
