CREATE SCHEMA memory;
GRANT USAGE ON SCHEMA memory TO mnemograph_memory, mnemograph_projector;
GRANT USAGE, CREATE ON SCHEMA memory TO mnemograph_definer;

CREATE TABLE memory.chat_sessions (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  mode text NOT NULL CHECK (mode IN ('SIMPLE', 'SMART_ROUTER', 'EXPERT_GROUP', 'SOCRATIC')),
  title text,
  parent_id uuid REFERENCES memory.chat_sessions (id) ON DELETE SET NULL,
  configuration jsonb NOT NULL DEFAULT '{}',
  metadata jsonb,
  external_id text,
  active boolean NOT NULL DEFAULT true,
  message_count integer NOT NULL DEFAULT 0,
  -- How many memories it has ever had: the next one's position.
  memory_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  ended_at timestamptz
);
CREATE UNIQUE INDEX chat_sessions_external ON memory.chat_sessions (owner_id, external_id);
CREATE INDEX chat_sessions_owner ON memory.chat_sessions (owner_id, ordinal);
CREATE INDEX chat_sessions_owner_mode ON memory.chat_sessions (owner_id, mode, active, ordinal);

-- A system prompt is the same in many sessions and long: it is stored once for its owner.
CREATE TABLE memory.prompts (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  content text NOT NULL,
  -- The memory made of it. It is made once: when it is forgotten, the prompt is not remembered again.
  memory_id uuid,
  created_at timestamptz NOT NULL,
  UNIQUE (owner_id, content_hash)
);

CREATE TABLE memory.messages (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  position integer NOT NULL,
  role text NOT NULL CHECK (role IN ('SYSTEM', 'USER', 'ASSISTANT', 'TOOL')),
  name text,
  content text,
  prompt_id uuid REFERENCES memory.prompts (id),
  tool_calls jsonb NOT NULL DEFAULT '[]',
  tool_call_id text,
  external_id text,
  occurred_at timestamptz NOT NULL,
  time_inferred boolean NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (session_id, position)
);
CREATE UNIQUE INDEX messages_external ON memory.messages (session_id, external_id);

-- A memory's identity and present state. What it says is in its revisions.
CREATE TABLE memory.memories (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid REFERENCES memory.chat_sessions (id) ON DELETE SET NULL,
  message_id uuid REFERENCES memory.messages (id) ON DELETE SET NULL,
  -- Its place among the memories of its session, so that a search finds its neighbours.
  position integer,
  speaker text,
  external_id text,
  version integer NOT NULL DEFAULT 1,
  visibility text NOT NULL CHECK (visibility IN ('PRIVATE', 'SHARED', 'PUBLIC')),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  forgotten_at timestamptz
);
CREATE UNIQUE INDEX memories_external ON memory.memories (owner_id, external_id) WHERE forgotten_at IS NULL;
CREATE INDEX memories_owner ON memory.memories (owner_id, ordinal) WHERE forgotten_at IS NULL;
CREATE INDEX memories_public ON memory.memories (tenant_id, ordinal) WHERE visibility = 'PUBLIC' AND forgotten_at IS NULL;
CREATE INDEX memories_session ON memory.memories (session_id, position);
CREATE INDEX memories_message ON memory.memories (message_id);

-- The primary rows: what was known of a memory from when until when. Forgetting removes them all.
CREATE TABLE memory.revisions (
  id uuid PRIMARY KEY,
  memory_id uuid NOT NULL REFERENCES memory.memories (id) ON DELETE CASCADE,
  version integer NOT NULL,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  content text NOT NULL,
  content_hash bytea NOT NULL,
  -- What it is found by: each term with how often it occurs, as the postings have it.
  terms jsonb NOT NULL,
  tier text NOT NULL CHECK (tier IN ('WORKING', 'EPISODIC', 'SEMANTIC', 'SHARED')),
  visibility text NOT NULL CHECK (visibility IN ('PRIVATE', 'SHARED', 'PUBLIC')),
  metadata jsonb,
  occurred_at timestamptz NOT NULL,
  time_inferred boolean NOT NULL,
  retention_until timestamptz,
  known_from timestamptz NOT NULL,
  known_until timestamptz,
  UNIQUE (memory_id, version)
);
CREATE UNIQUE INDEX revisions_current ON memory.revisions (memory_id) WHERE known_until IS NULL;
CREATE INDEX revisions_retention ON memory.revisions (retention_until) WHERE retention_until IS NOT NULL AND known_until IS NULL;

-- Who besides its owner may see or change a memory that is SHARED. The subject is a user, team, session or agent.
CREATE TABLE memory.grants (
  memory_id uuid NOT NULL REFERENCES memory.memories (id) ON DELETE CASCADE,
  subject_id uuid NOT NULL,
  subject_kind text NOT NULL CHECK (subject_kind IN ('USER', 'TEAM', 'SESSION', 'AGENT')),
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  may_write boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (memory_id, subject_id)
);
CREATE INDEX grants_subject ON memory.grants (subject_id, memory_id);

-- Full text. A shelf is what a search reads as one corpus: an owner's private and shared memories stand on his own
-- (shelf = owner), public ones on the tenant's (shelf = tenant), so no count tells of what the searcher cannot see.
-- Twenty rows for each memory: a foreign key would double what they cost, and memories are never deleted, only emptied.
CREATE TABLE memory.postings (
  shelf_id uuid NOT NULL,
  term text COLLATE "C" NOT NULL,
  memory_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  frequency smallint NOT NULL,
  length integer NOT NULL,
  PRIMARY KEY (shelf_id, term, memory_id) INCLUDE (frequency, length)
);

-- How many memories stand on a shelf, and how many terms they have in all.
CREATE TABLE memory.shelves (
  shelf_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  owner_id uuid,
  documents bigint NOT NULL DEFAULT 0,
  terms bigint NOT NULL DEFAULT 0
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['chat_sessions', 'prompts', 'messages', 'memories', 'revisions', 'grants', 'postings', 'shelves'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['chat_sessions', 'prompts', 'messages'] LOOP
    EXECUTE format('CREATE POLICY own ON memory.%I TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['memories', 'revisions', 'grants'] LOOP
    EXECUTE format('CREATE POLICY insert_own ON memory.%I FOR INSERT TO mnemograph_memory
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('CREATE POLICY update_own ON memory.%I FOR UPDATE TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('CREATE POLICY delete_own ON memory.%I FOR DELETE TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
  END LOOP;
END
$$;

-- Reading apart from writing: own ones, what was granted, what is public in the tenant.
CREATE POLICY read_own ON memory.memories FOR SELECT TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_public ON memory.memories FOR SELECT TO mnemograph_memory
  USING (visibility = 'PUBLIC' AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_granted ON memory.memories FOR SELECT TO mnemograph_memory
  USING (visibility = 'SHARED' AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.grants WHERE grants.memory_id = memories.id
                AND grants.subject_id = ANY ((SELECT app.current_principals())::uuid[])));
CREATE POLICY read_grants ON memory.grants FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND (owner_id = (SELECT app.current_user_id()) OR subject_id = ANY ((SELECT app.current_principals())::uuid[])));
-- A revision of a time when the memory was private stays private, whatever the memory is now.
CREATE POLICY read_own ON memory.revisions FOR SELECT TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_others ON memory.revisions FOR SELECT TO mnemograph_memory
  USING (visibility <> 'PRIVATE' AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = revisions.memory_id));

CREATE POLICY own_shelf ON memory.postings TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id())
    AND shelf_id IN ((SELECT app.current_user_id()), (SELECT app.current_tenant_id())));
CREATE POLICY own_shelf ON memory.shelves TO mnemograph_memory
  USING (shelf_id IN ((SELECT app.current_user_id()), (SELECT app.current_tenant_id())))
  WITH CHECK (tenant_id = (SELECT app.current_tenant_id())
    AND shelf_id IN ((SELECT app.current_user_id()), (SELECT app.current_tenant_id())));

GRANT SELECT, INSERT, UPDATE, DELETE ON memory.chat_sessions, memory.messages, memory.memories, memory.revisions,
  memory.grants, memory.postings, memory.shelves TO mnemograph_memory;
GRANT SELECT, INSERT, UPDATE (memory_id) ON memory.prompts TO mnemograph_memory;

-- Projectors work for every owner; ids they hand out are read again under the viewer's own rights.
GRANT SELECT ON memory.memories, memory.revisions TO mnemograph_projector;
CREATE POLICY projector ON memory.memories FOR SELECT TO mnemograph_projector USING (true);
CREATE POLICY projector ON memory.revisions FOR SELECT TO mnemograph_projector USING (true);

-- The memories as they are now.
CREATE VIEW memory.current_memories WITH (security_invoker = true) AS
  SELECT memories.id, memories.tenant_id, memories.owner_id, memories.ordinal, memories.session_id, memories.message_id,
         memories.position, memories.speaker, memories.external_id, memories.version, memories.created_at, memories.updated_at,
         memories.visibility, revisions.content, revisions.content_hash, revisions.terms, revisions.tier, revisions.metadata,
         revisions.occurred_at, revisions.time_inferred, revisions.retention_until
  FROM memory.memories
  JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
  WHERE memories.forgotten_at IS NULL;
GRANT SELECT ON memory.current_memories TO mnemograph_memory, mnemograph_projector;

-- Meaning. One table for each model: its name says which. A projector fills it, so a row may lag behind its memory.
CREATE TABLE memory.embeddings (
  model text NOT NULL,
  memory_id uuid NOT NULL,
  shelf_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  version integer NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (model, memory_id)
) PARTITION BY LIST (model);
CREATE INDEX embeddings_shelf ON memory.embeddings (shelf_id, memory_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON memory.embeddings TO mnemograph_projector;
-- Forgetting takes the vectors at once, whatever the projector does.
GRANT SELECT (memory_id, tenant_id, owner_id), DELETE ON memory.embeddings TO mnemograph_memory;
GRANT SELECT ON memory.embeddings, memory.postings, memory.shelves, memory.memories, memory.revisions, memory.grants TO mnemograph_definer;
ALTER TABLE memory.embeddings ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.embeddings FORCE ROW LEVEL SECURITY;
CREATE POLICY projector ON memory.embeddings TO mnemograph_projector USING (true) WITH CHECK (true);
CREATE POLICY own ON memory.embeddings TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY definer ON memory.embeddings FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.postings FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.shelves FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.memories FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.revisions FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.grants FOR SELECT TO mnemograph_definer USING (true);

-- A model's table, made when the model is first used. Its graph index serves shelves too large to be compared one by
-- one; answers whether there is one. Where PostgreSQL runs as WebAssembly, one vector costs the index 10 ms or more and
-- comparing 100,000 takes a tenth of a second: there it does without.
CREATE FUNCTION memory.ensure_embeddings(model text, dimensions integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  partition text := 'embeddings_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);
  indexed boolean := version() NOT LIKE '%wasm%';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(partition, 0));
  IF to_regclass('memory.' || partition) IS NULL THEN
    EXECUTE format('CREATE TABLE memory.%I PARTITION OF memory.embeddings FOR VALUES IN (%L)', partition, model);
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    IF indexed THEN
      EXECUTE format('CREATE INDEX ON memory.%I USING hnsw ((embedding::public.halfvec(%s)) public.halfvec_cosine_ops)',
        partition, dimensions);
    END IF;
  END IF;
  RETURN indexed;
END
$$;
REVOKE EXECUTE ON FUNCTION memory.ensure_embeddings(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.ensure_embeddings(text, integer) TO mnemograph_projector;

-- Its settings are unknown, and then a superuser's alone, until the extension's library is loaded by a first use.
SELECT '[1]'::public.halfvec;

-- The nearest vectors by the model's graph index, which is searched on until enough of them stand on the shelves.
CREATE FUNCTION memory.nearest_by_index(model text, dimensions integer, shelves uuid[], query text, most integer)
RETURNS TABLE (memory_id uuid, score double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 100000 AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT memory_id, 1 - (embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s))
     FROM memory.embeddings WHERE model = %2$L AND shelf_id = ANY ($1)
     ORDER BY embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s) LIMIT $3',
    dimensions, model) USING shelves, query, most;
END
$$;
REVOKE EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, uuid[], text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, uuid[], text, integer) TO mnemograph_projector;

-- Full-text search over the searcher's own shelf and his tenant's: no other can be asked for. Answers the best memories by
-- BM25 (k1 = 1.2, b = 0.75) over the asked terms, each with its boost, and the statistics that went into it. It reads past
-- row-level security, whose filters may not be mixed with an index look-up, and therefore answers ids and counts alone.
CREATE FUNCTION memory.search(
  terms text[], boosts double precision[], most integer, filtered boolean, tiers text[], seen text, session uuid,
  occurred_from timestamptz, occurred_before timestamptz, contained jsonb,
  OUT documents integer, OUT average_length double precision, OUT frequencies integer[], OUT ids uuid[], OUT scores double precision[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH shelf AS MATERIALIZED (
    SELECT ARRAY[app.current_user_id(), app.current_tenant_id()] AS ids
  ), size AS MATERIALIZED (
    SELECT coalesce(sum(shelves.documents), 0)::double precision AS documents,
           (coalesce(sum(shelves.terms), 0) / greatest(sum(shelves.documents), 1))::double precision AS average,
           0.9::double precision * greatest(sum(shelves.documents), 1)::double precision
             / greatest(sum(shelves.terms), 1)::double precision AS per_term
    FROM memory.shelves WHERE shelves.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
  ), asked AS MATERIALIZED (
    SELECT item.term COLLATE "C" AS term, item.boost, item.ordinality AS place
    FROM ROWS FROM (unnest(terms), unnest(boosts)) WITH ORDINALITY AS item (term, boost, ordinality)
  ), found AS MATERIALIZED (
    SELECT asked.term, postings.memory_id, postings.frequency, postings.length
    FROM asked JOIN memory.postings ON postings.term = asked.term
      AND postings.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
  ), rarity AS MATERIALIZED (
    SELECT found.term, count(*) AS frequency FROM found GROUP BY found.term
  ), weight AS MATERIALIZED (
    SELECT asked.term, asked.place, coalesce(rarity.frequency, 0) AS frequency,
           2.2::double precision * asked.boost * ln(1 + (size.documents - rarity.frequency + 0.5::double precision)
             / (rarity.frequency + 0.5::double precision)) AS weight
    FROM asked CROSS JOIN size LEFT JOIN rarity USING (term)
  ), scored AS (
    SELECT found.memory_id, sum(weight.weight * found.frequency
             / (found.frequency + 0.3::double precision + size.per_term * found.length)) AS score
    FROM found JOIN weight USING (term) CROSS JOIN size GROUP BY found.memory_id
  ), best AS (
    SELECT scored.memory_id, scored.score FROM scored
    WHERE NOT filtered OR EXISTS (
      SELECT FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
      WHERE memories.id = scored.memory_id AND (tiers IS NULL OR revisions.tier = ANY (tiers))
        AND (seen IS NULL OR revisions.visibility = seen) AND (session IS NULL OR memories.session_id = session)
        AND (occurred_from IS NULL OR revisions.occurred_at >= occurred_from)
        AND (occurred_before IS NULL OR revisions.occurred_at < occurred_before)
        AND (contained IS NULL OR revisions.metadata @> contained))
    ORDER BY scored.score DESC, scored.memory_id LIMIT most
  )
  SELECT size.documents::integer, size.average, (SELECT array_agg(weight.frequency::integer ORDER BY weight.place) FROM weight),
         (SELECT array_agg(best.memory_id ORDER BY best.score DESC, best.memory_id) FROM best),
         (SELECT array_agg(best.score ORDER BY best.score DESC, best.memory_id) FROM best)
  FROM size;
END;
ALTER FUNCTION memory.search(text[], double precision[], integer, boolean, text[], text, uuid, timestamptz, timestamptz, jsonb)
  OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.search(text[], double precision[], integer, boolean, text[], text, uuid, timestamptz, timestamptz, jsonb)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.search(text[], double precision[], integer, boolean, text[], text, uuid, timestamptz, timestamptz, jsonb)
  TO mnemograph_memory;

-- A memory changes by its revisions: they are what is audited of it.
SELECT audit.watch(('memory.' || name)::regclass) FROM unnest(ARRAY['chat_sessions', 'messages', 'revisions']) AS name;

-- All that another room may ask about a session: whether the viewer has one of that id.
GRANT SELECT ON memory.chat_sessions TO mnemograph_definer;
CREATE POLICY definer ON memory.chat_sessions FOR SELECT TO mnemograph_definer USING (true);
CREATE FUNCTION memory.session_exists(session uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM memory.chat_sessions
    WHERE chat_sessions.id = session AND chat_sessions.owner_id = app.current_user_id()
      AND chat_sessions.tenant_id = app.current_tenant_id());
END;
ALTER FUNCTION memory.session_exists(uuid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.session_exists(uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA memory TO mnemograph_agents;
GRANT EXECUTE ON FUNCTION memory.session_exists(uuid) TO mnemograph_agents;
