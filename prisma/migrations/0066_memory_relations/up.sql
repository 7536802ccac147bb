-- How memories hang together: typed, from one to another, with how sure whoever says so is.
CREATE TABLE memory.relationships (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  source_id uuid NOT NULL REFERENCES memory.memories (id) ON DELETE CASCADE,
  target_id uuid NOT NULL REFERENCES memory.memories (id) ON DELETE CASCADE,
  relationship_type text COLLATE "C" NOT NULL,
  confidence double precision NOT NULL DEFAULT 0.5 CHECK (confidence BETWEEN 0 AND 1),
  metadata jsonb,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK (source_id <> target_id),
  UNIQUE (source_id, target_id, relationship_type)
);
CREATE INDEX relationships_source ON memory.relationships (source_id, ordinal);
CREATE INDEX relationships_target ON memory.relationships (target_id, ordinal);

-- What a memory was made from besides its own first source: what was merged into it, and memories that it was derived from.
CREATE TABLE memory.sources (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  memory_id uuid NOT NULL REFERENCES memory.memories (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('STATEMENT', 'MESSAGE', 'MEMORY')),
  message_id uuid REFERENCES memory.messages (id) ON DELETE SET NULL,
  source_memory_id uuid REFERENCES memory.memories (id) ON DELETE CASCADE,
  occurred_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX sources_memory ON memory.sources (memory_id, ordinal);
CREATE INDEX sources_message ON memory.sources (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX sources_source ON memory.sources (source_memory_id) WHERE source_memory_id IS NOT NULL;

-- What an engine made of a memory's content; it belongs to what was said, so it changes with it.
ALTER TABLE memory.revisions ADD COLUMN context_analysis jsonb;
-- Finds exact duplicates.
CREATE INDEX revisions_content ON memory.revisions (owner_id, content_hash) WHERE known_until IS NULL;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['relationships', 'sources'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY delete_own ON memory.%I FOR DELETE TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('CREATE POLICY definer ON memory.%I TO mnemograph_definer USING (true)', name);
    EXECUTE format('GRANT SELECT, DELETE ON memory.%I TO mnemograph_definer', name);
    PERFORM audit.watch(('memory.' || name)::regclass);
  END LOOP;
END
$$;
-- Seen by whoever sees both ends: those policies are the memories' own.
CREATE POLICY read_both_ends ON memory.relationships FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = relationships.source_id AND memories.forgotten_at IS NULL)
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = relationships.target_id AND memories.forgotten_at IS NULL));
CREATE POLICY insert_own ON memory.relationships FOR INSERT TO mnemograph_memory
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = relationships.source_id AND memories.forgotten_at IS NULL
                AND (memories.owner_id = (SELECT app.current_user_id()) OR memory.may_write(memories.id, memories.owner_id)))
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = relationships.target_id AND memories.forgotten_at IS NULL));
CREATE POLICY update_own ON memory.relationships FOR UPDATE TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, DELETE ON memory.relationships TO mnemograph_memory;
GRANT UPDATE (confidence, metadata, updated_at) ON memory.relationships TO mnemograph_memory;

-- A source tells where a memory comes from to whoever sees the memory; what it points to has rules of its own.
CREATE POLICY read_with_memory ON memory.sources FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = sources.memory_id AND memories.forgotten_at IS NULL));
CREATE POLICY insert_own ON memory.sources FOR INSERT TO mnemograph_memory
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.memories WHERE memories.id = sources.memory_id AND memories.owner_id = sources.owner_id)
    AND (source_memory_id IS NULL OR EXISTS (SELECT FROM memory.memories WHERE memories.id = sources.source_memory_id)));
GRANT SELECT, INSERT, DELETE ON memory.sources TO mnemograph_memory;

-- What leads to a memory is forgotten with it, whoever said so. The memory's row stays, empty, so no foreign key does this.
CREATE FUNCTION memory.forget_relations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM memory.relationships WHERE relationships.source_id = NEW.id;
  DELETE FROM memory.relationships WHERE relationships.target_id = NEW.id;
  DELETE FROM memory.sources WHERE sources.memory_id = NEW.id;
  DELETE FROM memory.sources WHERE sources.source_memory_id = NEW.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.forget_relations() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.forget_relations() FROM PUBLIC;
CREATE TRIGGER forget_relations AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.forget_relations();
