-- What a user's agents hold to be known, and who of them says so.
CREATE TABLE knowledge.consensus_nodes (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  node_type text COLLATE "C" NOT NULL,
  node_key text COLLATE "C" NOT NULL,
  title_content text NOT NULL,
  node_content jsonb NOT NULL,
  validation_status text NOT NULL DEFAULT 'UNVALIDATED' CHECK (validation_status IN ('UNVALIDATED', 'VALIDATED', 'DISPUTED', 'REJECTED')),
  consensus_score double precision NOT NULL DEFAULT 0,
  -- How many votes it takes to decide.
  quorum integer NOT NULL,
  semantic_tags text[] NOT NULL,
  -- Another room's: checked when it is named.
  session_id uuid,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  -- When it was first held to be true.
  established_at timestamptz,
  UNIQUE (owner_id, node_type, node_key)
);
CREATE INDEX consensus_nodes_owner ON knowledge.consensus_nodes (owner_id, ordinal);
CREATE INDEX consensus_nodes_validation ON knowledge.consensus_nodes (owner_id, validation_status, ordinal);

CREATE TABLE knowledge.votes (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  node_id uuid NOT NULL REFERENCES knowledge.consensus_nodes (id) ON DELETE CASCADE,
  -- The agent that votes, or the user himself.
  voter_id uuid NOT NULL,
  choice text NOT NULL CHECK (choice IN ('FOR', 'AGAINST', 'ABSTAIN')),
  confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  reason_content text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (node_id, voter_id)
);
CREATE INDEX votes_node ON knowledge.votes (node_id, ordinal);
CREATE INDEX votes_owner ON knowledge.votes (owner_id);

-- What has worked before, and how often.
CREATE TABLE knowledge.learning_patterns (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  pattern_key text COLLATE "C" NOT NULL,
  pattern_type text COLLATE "C" NOT NULL,
  pattern_content jsonb NOT NULL,
  confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  usage_count integer NOT NULL,
  success_count integer NOT NULL,
  session_id uuid,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_id, pattern_key)
);
CREATE INDEX learning_patterns_owner ON knowledge.learning_patterns (owner_id, ordinal);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['consensus_nodes', 'votes', 'learning_patterns'] LOOP
    EXECUTE format('ALTER TABLE knowledge.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE knowledge.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON knowledge.%I TO mnemograph_knowledge
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON knowledge.%I TO mnemograph_knowledge', name);
    EXECUTE format('SELECT audit.watch(%L)', 'knowledge.' || name);
  END LOOP;
END
$$;

-- New content voids the votes on the old.
GRANT DELETE ON knowledge.votes TO mnemograph_knowledge;

-- Whether the viewer has this agent, for rooms that name it.
CREATE FUNCTION agents.agent_exists(agent uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM agents.agents WHERE agents.id = agent AND agents.owner_id = app.current_user_id()
    AND agents.tenant_id = app.current_tenant_id());
END;
GRANT CREATE ON SCHEMA agents TO mnemograph_definer;
ALTER FUNCTION agents.agent_exists(uuid) OWNER TO mnemograph_definer;
REVOKE CREATE ON SCHEMA agents FROM mnemograph_definer;
REVOKE EXECUTE ON FUNCTION agents.agent_exists(uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA agents, memory TO mnemograph_knowledge;
GRANT EXECUTE ON FUNCTION agents.agent_exists(uuid) TO mnemograph_knowledge;
GRANT EXECUTE ON FUNCTION memory.session_exists(uuid) TO mnemograph_knowledge;
