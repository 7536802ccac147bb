CREATE SCHEMA agents;
GRANT USAGE ON SCHEMA agents TO mnemograph_agents;

CREATE TABLE agents.agents (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  agent_id text NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  role text,
  description text,
  capabilities text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'OFFLINE' CHECK (status IN ('OFFLINE', 'IDLE', 'BUSY', 'FAILED')),
  metadata jsonb,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_id, agent_id)
);
CREATE INDEX agents_owner ON agents.agents (owner_id, ordinal);

CREATE TABLE agents.tools (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL,
  capability text,
  description text,
  created_at timestamptz NOT NULL,
  UNIQUE (owner_id, name)
);
CREATE INDEX tools_owner ON agents.tools (owner_id, ordinal);

-- Agent CAN_USE tool.
CREATE TABLE agents.tool_grants (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agents.agents (id) ON DELETE CASCADE,
  tool_id uuid NOT NULL REFERENCES agents.tools (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  created_at timestamptz NOT NULL,
  UNIQUE (agent_id, tool_id)
);
CREATE INDEX tool_grants_agent ON agents.tool_grants (agent_id, ordinal);
CREATE INDEX tool_grants_tool ON agents.tool_grants (tool_id, ordinal);

-- Agent PARTICIPATES_IN session. The session is the memory room's: a checked id, no foreign key.
CREATE TABLE agents.participations (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agents.agents (id) ON DELETE CASCADE,
  session_id uuid NOT NULL,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  created_at timestamptz NOT NULL,
  UNIQUE (agent_id, session_id)
);
CREATE INDEX participations_agent ON agents.participations (agent_id, ordinal);
CREATE INDEX participations_session ON agents.participations (session_id, ordinal);

-- The highest numbers of a session's blackboard. Its row is locked while an event is posted.
CREATE TABLE agents.blackboards (
  session_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  sequence integer NOT NULL,
  logical_timestamp integer NOT NULL
);

CREATE TABLE agents.blackboard_events (
  id uuid NOT NULL,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  session_id uuid NOT NULL,
  sequence integer NOT NULL,
  type text NOT NULL CHECK (type IN ('OBSERVATION', 'TASK', 'PROPOSAL', 'DECISION', 'RESULT', 'TOOL', 'ERROR')),
  performative text NOT NULL CHECK (performative IN
    ('INFORM', 'REQUEST', 'QUERY', 'PROPOSE', 'ACCEPT', 'REJECT', 'AGREE', 'REFUSE', 'FAILURE', 'CONFIRM')),
  source_id uuid NOT NULL,
  target_id uuid,
  payload jsonb NOT NULL,
  semantic_context jsonb,
  parent_id uuid,
  causality_chain uuid[] NOT NULL DEFAULT '{}',
  logical_timestamp integer NOT NULL,
  -- The event's place in the log, kept so that a page can name it.
  log_epoch integer NOT NULL,
  log_xid xid8 NOT NULL,
  log_seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE agents.blackboard_events_default PARTITION OF agents.blackboard_events DEFAULT;
CREATE INDEX blackboard_events_session ON agents.blackboard_events (session_id, log_epoch, log_xid, log_seq);
SELECT app.ensure_partitions('agents.blackboard_events', 2);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['agents', 'tools', 'tool_grants', 'participations', 'blackboards', 'blackboard_events'] LOOP
    EXECUTE format('ALTER TABLE agents.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE agents.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON agents.%I TO mnemograph_agents
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('GRANT SELECT, INSERT ON agents.%I TO mnemograph_agents', name);
  END LOOP;
END
$$;
GRANT UPDATE (status, version, updated_at) ON agents.agents TO mnemograph_agents;
GRANT UPDATE (sequence, logical_timestamp) ON agents.blackboards TO mnemograph_agents;

SELECT audit.watch(('agents.' || name)::regclass)
FROM unnest(ARRAY['agents', 'tools', 'tool_grants', 'participations', 'blackboard_events']) AS name;
