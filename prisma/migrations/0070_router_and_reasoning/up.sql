-- What a router decided for a request, and how it went: what later proposals and the hourly figures rest on.
CREATE TABLE memory.router_decisions (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  request text NOT NULL,
  -- What the request is compared by: its terms, and the tools of the session's decision before it.
  terms text[] NOT NULL,
  mode text NOT NULL CHECK (mode IN ('SIMPLE', 'SMART_ROUTER', 'EXPERT_GROUP', 'SOCRATIC')),
  decision jsonb NOT NULL DEFAULT '{}',
  tools text[] NOT NULL DEFAULT '{}',
  complexity double precision NOT NULL DEFAULT 0 CHECK (complexity BETWEEN 0 AND 1),
  confidence double precision NOT NULL DEFAULT 0 CHECK (confidence BETWEEN 0 AND 1),
  processing_time_ms integer,
  tokens_used integer,
  model text,
  success boolean NOT NULL DEFAULT true,
  error jsonb,
  -- Another room's row, checked when it is named.
  blackboard_event_id uuid,
  created_at timestamptz NOT NULL
);
CREATE INDEX router_decisions_session ON memory.router_decisions (session_id, ordinal);
CREATE INDEX router_decisions_recent ON memory.router_decisions (owner_id, ordinal);
-- The hourly figures are read from the index alone. The owner comes first, because policies ask for him.
CREATE INDEX router_decisions_analytics ON memory.router_decisions
  (owner_id, created_at, success, complexity, processing_time_ms) INCLUDE (confidence, tokens_used);
-- For operators' own questions: under row-level security containment cannot use an index.
CREATE INDEX router_decisions_decision ON memory.router_decisions USING gin (decision jsonb_path_ops);

-- How an answer was reasoned out.
CREATE TABLE memory.reasoning_chains (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  data jsonb NOT NULL DEFAULT '{}',
  -- In order: a thought, its evidence and its confidence each.
  steps jsonb NOT NULL,
  confidence double precision CHECK (confidence BETWEEN 0 AND 1),
  created_at timestamptz NOT NULL
);
CREATE INDEX reasoning_chains_session ON memory.reasoning_chains (session_id, ordinal DESC);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['router_decisions', 'reasoning_chains'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON memory.%I TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('GRANT SELECT, INSERT ON memory.%I TO mnemograph_memory', name);
  END LOOP;
END
$$;
SELECT audit.watch(('memory.' || name)::regclass) FROM unnest(ARRAY['router_decisions', 'reasoning_chains']) AS name;

-- All that another room may ask about a blackboard's event: whether the viewer has one of that id.
CREATE FUNCTION agents.event_exists(event uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM agents.blackboard_events
    WHERE blackboard_events.id = event AND blackboard_events.owner_id = app.current_user_id()
      AND blackboard_events.tenant_id = app.current_tenant_id());
END;
GRANT CREATE ON SCHEMA agents TO mnemograph_definer;
ALTER FUNCTION agents.event_exists(uuid) OWNER TO mnemograph_definer;
REVOKE CREATE ON SCHEMA agents FROM mnemograph_definer;
REVOKE EXECUTE ON FUNCTION agents.event_exists(uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA agents TO mnemograph_memory;
GRANT EXECUTE ON FUNCTION agents.event_exists(uuid) TO mnemograph_memory;
