-- What one chat session was given of another: which keys and memories, at which versions, and how conflicts were settled.
-- It names things and never says what they hold.
CREATE TABLE memory.memory_syncs (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  source_session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  target_session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  type text NOT NULL CHECK (type IN ('CONTEXT_TRANSFER', 'KNOWLEDGE_SHARE', 'STATE_SYNC')),
  strategy text NOT NULL CHECK (strategy IN ('NEWEST', 'SOURCE', 'TARGET', 'MERGE')),
  -- Only these keys, or memories by id; empty for everything.
  keys text[] NOT NULL,
  status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')),
  -- Counts the tries. Whoever began one ends it only while no other has begun since.
  attempts integer NOT NULL DEFAULT 0,
  data_transferred jsonb NOT NULL DEFAULT '[]',
  conflict_resolution jsonb NOT NULL DEFAULT '[]',
  problem text,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  completed_at timestamptz,
  CHECK (source_session_id <> target_session_id)
);
CREATE INDEX memory_syncs_owner ON memory.memory_syncs (owner_id, ordinal);
CREATE INDEX memory_syncs_source ON memory.memory_syncs (source_session_id, ordinal);
CREATE INDEX memory_syncs_target ON memory.memory_syncs (target_session_id, ordinal);
CREATE INDEX memory_syncs_open ON memory.memory_syncs (created_at) WHERE status IN ('PENDING', 'IN_PROGRESS');

-- At which versions two sessions last agreed on a thing, so that the next sync tells a change on one side from a
-- conflict. The session with the smaller id is the first. A version may come twice, when a key begins anew: its time not.
CREATE TABLE memory.sync_marks (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  first_session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  second_session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('CONTEXT', 'MEMORY')),
  -- A context entry's key, or the id of the memory as each session has it.
  first_key text COLLATE "C" NOT NULL,
  second_key text COLLATE "C" NOT NULL,
  first_version integer NOT NULL,
  first_at timestamptz NOT NULL,
  second_version integer NOT NULL,
  second_at timestamptz NOT NULL,
  UNIQUE (first_session_id, second_session_id, kind, first_key)
);
CREATE INDEX sync_marks_second ON memory.sync_marks (second_session_id);
CREATE INDEX sync_marks_owner ON memory.sync_marks (owner_id);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['memory_syncs', 'sync_marks'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON memory.%I TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('SELECT audit.watch(%L)', 'memory.' || name);
  END LOOP;
END
$$;
GRANT SELECT, INSERT ON memory.memory_syncs TO mnemograph_memory;
GRANT UPDATE (status, attempts, data_transferred, conflict_resolution, problem, started_at, completed_at)
  ON memory.memory_syncs TO mnemograph_memory;
GRANT SELECT, INSERT, UPDATE ON memory.sync_marks TO mnemograph_memory;

-- A job finds what was left open, and does it in its owner's name.
GRANT SELECT (id, tenant_id, owner_id, status, created_at, started_at) ON memory.memory_syncs TO mnemograph_projector;
CREATE POLICY open_ones ON memory.memory_syncs FOR SELECT TO mnemograph_projector USING (status IN ('PENDING', 'IN_PROGRESS'));
