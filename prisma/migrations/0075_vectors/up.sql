-- Texts that are searched by meaning beside the memories: what was asked and answered, what reasoning rests on, how
-- somebody speaks. The rows are the truth; their vectors stand in the vector store, as those of memories do.
CREATE TABLE memory.vectors (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  collection text NOT NULL CHECK (collection IN ('CONVERSATION_CONTEXT', 'REASONING_KNOWLEDGE', 'VOICE_PATTERNS')),
  kind text NOT NULL CHECK (kind IN ('QUERY', 'RESPONSE', 'CONTEXT', 'KNOWLEDGE')),
  visibility text NOT NULL CHECK (visibility IN ('PRIVATE', 'SHARED', 'PUBLIC')),
  memory_id uuid REFERENCES memory.memories (id) ON DELETE CASCADE,
  session_id uuid REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  content text NOT NULL,
  metadata jsonb,
  relevance_score double precision CHECK (relevance_score BETWEEN 0 AND 1),
  created_at timestamptz NOT NULL
);
CREATE INDEX vectors_owner ON memory.vectors (owner_id, collection, ordinal);
CREATE INDEX vectors_public ON memory.vectors (tenant_id, collection, ordinal) WHERE visibility = 'PUBLIC';
CREATE INDEX vectors_memory ON memory.vectors (memory_id, ordinal) WHERE memory_id IS NOT NULL;
CREATE INDEX vectors_session ON memory.vectors (session_id, ordinal) WHERE session_id IS NOT NULL;
ALTER TABLE memory.vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.vectors FORCE ROW LEVEL SECURITY;
CREATE POLICY insert_own ON memory.vectors FOR INSERT TO mnemograph_memory
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY delete_own ON memory.vectors FOR DELETE TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_own ON memory.vectors FOR SELECT TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_public ON memory.vectors FOR SELECT TO mnemograph_memory
  USING (visibility = 'PUBLIC' AND tenant_id = (SELECT app.current_tenant_id()));
-- A shared one is read by whoever was given leave to search its owner's collection.
CREATE POLICY read_granted ON memory.vectors FOR SELECT TO mnemograph_memory
  USING (visibility = 'SHARED' AND tenant_id = (SELECT app.current_tenant_id()) AND (
    (collection = 'CONVERSATION_CONTEXT' AND owner_id = ANY ((SELECT app.granted_shelves('CONVERSATION_CONTEXT'))::uuid[]))
    OR (collection = 'REASONING_KNOWLEDGE' AND owner_id = ANY ((SELECT app.granted_shelves('REASONING_KNOWLEDGE'))::uuid[]))
    OR (collection = 'VOICE_PATTERNS' AND owner_id = ANY ((SELECT app.granted_shelves('VOICE_PATTERNS'))::uuid[]))));
GRANT SELECT, INSERT, DELETE ON memory.vectors TO mnemograph_memory;
GRANT SELECT ON memory.vectors TO mnemograph_projector;
CREATE POLICY projector ON memory.vectors FOR SELECT TO mnemograph_projector USING (true);
SELECT audit.watch('memory.vectors');

-- A vector that goes with what it belongs to is told to the projectors, which take its point out of the store. Whoever
-- removes one by itself writes that event himself, with its place for an answer.
GRANT SELECT, DELETE ON memory.vectors TO mnemograph_definer;
CREATE POLICY definer ON memory.vectors TO mnemograph_definer USING (true);
CREATE FUNCTION memory.tell_removed_vectors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  -- Not through events.append: a job that cleans up works for no tenant and in no room.
  INSERT INTO events.log (epoch, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                          audience_before, audience_after, payload, trace_id)
  SELECT system.epoch, gone.tenant_id, gone.owner_id, app.current_user_id(), 'memory', 'VECTOR_REMOVED', 'Vector', gone.id, 2,
         ARRAY[gone.owner_id], '{}', '{}', app.setting('trace_id')
  FROM gone CROSS JOIN app.system;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.tell_removed_vectors() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.tell_removed_vectors() FROM PUBLIC;
CREATE TRIGGER tell_removed_vectors AFTER DELETE ON memory.vectors REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT WHEN (pg_trigger_depth() > 0) EXECUTE FUNCTION memory.tell_removed_vectors();

-- What was said about a memory is forgotten with it. The memory's row stays, empty, so no foreign key does this.
CREATE FUNCTION memory.forget_vectors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM memory.vectors WHERE vectors.memory_id = NEW.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.forget_vectors() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.forget_vectors() FROM PUBLIC;
CREATE TRIGGER forget_vectors AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.forget_vectors();

-- One model's vectors of every collection stand in its table; `memory_id` names the memory, or the row of memory.vectors.
ALTER TABLE memory.embeddings ADD COLUMN collection text NOT NULL DEFAULT 'MEMORIES';
ALTER TABLE memory.embeddings ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
-- Loads the extension's library, without which its settings are unknown.
SELECT '[1]'::public.halfvec;
DROP FUNCTION memory.nearest_by_index(text, integer, uuid[], text, integer);
CREATE FUNCTION memory.nearest_by_index(model text, dimensions integer, collection text, shelves uuid[], query text, most integer)
RETURNS TABLE (memory_id uuid, score double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 100000 AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT memory_id, 1 - (embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s))
     FROM memory.embeddings WHERE model = %2$L AND collection = $4 AND shelf_id = ANY ($1)
     ORDER BY embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s) LIMIT $3',
    dimensions, model) USING shelves, query, most, collection;
END
$$;
REVOKE EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, text, uuid[], text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, text, uuid[], text, integer) TO mnemograph_projector;

-- Projections are rebuilt from the last event of every memory and every vector that is there: neither is trimmed.
CREATE INDEX log_rebuilt ON events.log (aggregate_id, xid, seq) WHERE aggregate_type IN ('Memory', 'Vector');
DROP INDEX events.log_memory;
-- Removes the oldest events, at most so many at a time; answers how many it has gone over. What a projector has still to
-- take in stays, and so does the last event of every memory and vector that is there: what is derived is rebuilt from those.
CREATE OR REPLACE FUNCTION events.trim(older_than interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  now_epoch integer := (SELECT system.epoch FROM app.system);
  gone record;
  upto record;
  passed integer;
BEGIN
  SELECT t.xid, t.seq INTO gone FROM (
    SELECT trimmed.xid, trimmed.seq FROM events.trimmed WHERE trimmed.epoch = now_epoch
    UNION ALL SELECT '0'::xid8, 0
  ) AS t LIMIT 1;
  WITH batch AS (
    SELECT log.xid, log.seq,
           log.at < now() - older_than AND NOT EXISTS (
             SELECT FROM events.positions AS p
             WHERE p.epoch = now_epoch AND (p.xid, p.seq) < (log.xid, log.seq)
           ) AS due
    FROM events.log
    WHERE (log.xid, log.seq) > (gone.xid, gone.seq) AND log.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY log.xid, log.seq
    LIMIT most
  ), numbered AS (
    SELECT *, bool_and(batch.due) OVER (ORDER BY batch.xid, batch.seq) AS goes FROM batch
  )
  SELECT numbered.xid, numbered.seq, count(*) OVER () AS total INTO upto
  FROM numbered WHERE numbered.goes ORDER BY numbered.xid DESC, numbered.seq DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  passed := upto.total;
  DELETE FROM events.log AS old
  WHERE old.aggregate_type IN ('Memory', 'Vector') AND (old.xid, old.seq) <= (upto.xid, upto.seq)
    AND old.aggregate_id IN (
      SELECT log.aggregate_id FROM events.log
      WHERE log.aggregate_type IN ('Memory', 'Vector') AND (log.xid, log.seq) > (gone.xid, gone.seq)
        AND (log.xid, log.seq) <= (upto.xid, upto.seq)
    )
    AND (old.kind IN ('FORGOTTEN', 'EXPIRED', 'VECTOR_REMOVED') OR EXISTS (
      SELECT FROM events.log AS later
      WHERE later.aggregate_type IN ('Memory', 'Vector') AND later.aggregate_id = old.aggregate_id
        AND (later.xid, later.seq) > (old.xid, old.seq)
    ));
  DELETE FROM events.log AS old
  WHERE old.aggregate_type NOT IN ('Memory', 'Vector') AND (old.xid, old.seq) > (gone.xid, gone.seq)
    AND (old.xid, old.seq) <= (upto.xid, upto.seq);
  INSERT INTO events.trimmed (id, epoch, xid, seq) VALUES (1, now_epoch, upto.xid, upto.seq)
  ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, xid = excluded.xid, seq = excluded.seq;
  RETURN passed;
END
$$;
