-- Whether the viewer leads his tenant. Judged by the database, not by what a token says.
CREATE FUNCTION app.is_admin() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM users.users WHERE users.id = app.current_user_id() AND users.tenant_id = app.current_tenant_id()
    AND users.role = 'ADMIN' AND users.status = 'ACTIVE');
END;
ALTER FUNCTION app.is_admin() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.is_admin() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.is_admin() TO mnemograph_memory;
GRANT EXECUTE ON FUNCTION app.is_staff() TO mnemograph_memory;

-- What is to be done with memories, as data. A rule without an owner is the tenant's. Its condition and parameters are in
-- the configuration, whose words the audit does not keep.
CREATE TABLE memory.policy_rules (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  name text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER')),
  action text NOT NULL CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE')),
  priority integer NOT NULL,
  enabled boolean NOT NULL,
  configuration jsonb NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX policy_rules_name ON memory.policy_rules (tenant_id, owner_id, name) NULLS NOT DISTINCT;
CREATE INDEX policy_rules_owner ON memory.policy_rules (owner_id) WHERE owner_id IS NOT NULL;
ALTER TABLE memory.policy_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.policy_rules TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_tenant ON memory.policy_rules FOR SELECT TO mnemograph_memory
  USING (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY lead_tenant ON memory.policy_rules TO mnemograph_memory
  USING (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_admin()))
  WITH CHECK (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_admin()));
GRANT SELECT, INSERT, UPDATE, DELETE ON memory.policy_rules TO mnemograph_memory;
SELECT audit.watch('memory.policy_rules');

-- How long the tenant keeps memories by default is one more of its rules.
GRANT USAGE ON SCHEMA app TO mnemograph_memory;
GRANT SELECT ON app.retention_policies TO mnemograph_memory;
CREATE POLICY tenant_memories ON app.retention_policies FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id()) AND data_type = 'MEMORIES');

-- What was decided by which rule. Ids alone: it tells of no content, and stays when the memory is forgotten.
CREATE TABLE memory.policy_decisions (
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  actor_id uuid,
  memory_id uuid NOT NULL,
  rule_id uuid,
  rule_name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER')),
  action text NOT NULL CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE', 'EXPIRE')),
  phase text NOT NULL CHECK (phase IN ('STORE', 'RETRIEVE', 'UPKEEP')),
  outcome jsonb NOT NULL,
  -- How often the same was decided for the same request; those on retrieving are counted, not written one by one.
  times integer NOT NULL,
  trace_id text,
  request_id uuid,
  PRIMARY KEY (ordinal, at)
) PARTITION BY RANGE (at);
CREATE TABLE memory.policy_decisions_default PARTITION OF memory.policy_decisions DEFAULT;
CREATE INDEX policy_decisions_memory ON memory.policy_decisions (memory_id, ordinal);
CREATE INDEX policy_decisions_trace ON memory.policy_decisions (trace_id, ordinal);
CREATE INDEX policy_decisions_owner ON memory.policy_decisions (owner_id, ordinal);
SELECT app.ensure_partitions('memory.policy_decisions', 2);
ALTER TABLE memory.policy_decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_decisions FORCE ROW LEVEL SECURITY;
CREATE POLICY read_own ON memory.policy_decisions FOR SELECT TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_staff ON memory.policy_decisions FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));
CREATE POLICY decide ON memory.policy_decisions FOR INSERT TO mnemograph_memory
  WITH CHECK (tenant_id = (SELECT app.current_tenant_id())
    AND (actor_id IS NULL OR actor_id = (SELECT app.current_user_id())));
GRANT SELECT, INSERT ON memory.policy_decisions TO mnemograph_memory;
CREATE OR REPLACE FUNCTION app.ensure_all_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT coalesce(sum(app.ensure_partitions(class.oid::regclass, 2)), 0)::integer
  FROM pg_partitioned_table AS parent
  JOIN pg_class AS class ON class.oid = parent.partrelid
  JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE parent.partstrat = 'r' AND space.nspname IN ('events', 'audit', 'agents', 'memory')
$$;

-- When a memory was last read and how often. Beside its row, which readers then never change.
CREATE TABLE memory.accesses (
  memory_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  accessed_at timestamptz NOT NULL,
  count integer NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX accesses_owner ON memory.accesses (owner_id);
ALTER TABLE memory.accesses ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.accesses FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.accesses TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, DELETE ON memory.accesses TO mnemograph_memory;

-- What the room has gathered of reads, of every viewer: memories with how often they were read, and decisions.
CREATE FUNCTION memory.note(reads jsonb, decisions jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO memory.accesses (memory_id, tenant_id, owner_id, accessed_at, count)
  SELECT memories.id, memories.tenant_id, memories.owner_id, item.at, item.count
  FROM jsonb_to_recordset(reads) AS item (id uuid, at timestamptz, count integer)
  JOIN memory.memories ON memories.id = item.id AND memories.forgotten_at IS NULL
  ORDER BY memories.id
  ON CONFLICT (memory_id) DO UPDATE
  SET accessed_at = greatest(accesses.accessed_at, excluded.accessed_at), count = accesses.count + excluded.count;
  INSERT INTO memory.policy_decisions (at, tenant_id, owner_id, actor_id, memory_id, rule_id, rule_name, kind, action, phase,
                                       outcome, times, trace_id, request_id)
  SELECT item.* FROM jsonb_to_recordset(decisions) AS item (at timestamptz, "tenantId" uuid, "ownerId" uuid, "actorId" uuid,
    "memoryId" uuid, "ruleId" uuid, "ruleName" text, kind text, action text, phase text, outcome jsonb, times integer,
    "traceId" text, "requestId" uuid)
  WHERE EXISTS (SELECT FROM users.users WHERE users.id = item."ownerId");
END;
GRANT SELECT, INSERT, UPDATE ON memory.accesses TO mnemograph_definer;
GRANT INSERT ON memory.policy_decisions TO mnemograph_definer;
CREATE POLICY definer ON memory.accesses TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer_notes ON memory.policy_decisions FOR INSERT TO mnemograph_definer WITH CHECK (true);
ALTER FUNCTION memory.note(jsonb, jsonb) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.note(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.note(jsonb, jsonb) TO mnemograph_projector;

-- The rules in force for memories of these owners: theirs and the tenant's. The room judges by them whoever reads or writes,
-- and shows them to nobody but their owners.
CREATE FUNCTION memory.rules_of(owners uuid[]) RETURNS SETOF memory.policy_rules
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT * FROM memory.policy_rules
  WHERE policy_rules.enabled AND policy_rules.tenant_id = app.current_tenant_id()
    AND (policy_rules.owner_id IS NULL OR policy_rules.owner_id = ANY (owners));
END;
-- What rules judge by beside the memory itself, also of a memory whose session the viewer may not see.
CREATE FUNCTION memory.circumstances(memories uuid[])
RETURNS TABLE (id uuid, mode text, "accessedAt" timestamptz, accesses integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT memory.id, session.mode, accesses.accessed_at, coalesce(accesses.count, 0)
  FROM memory.memories AS memory
  LEFT JOIN memory.chat_sessions AS session ON session.id = memory.session_id
  LEFT JOIN memory.accesses ON accesses.memory_id = memory.id
  WHERE memory.id = ANY (memories) AND memory.tenant_id = app.current_tenant_id();
END;
GRANT SELECT ON memory.policy_rules TO mnemograph_definer;
CREATE POLICY definer ON memory.policy_rules FOR SELECT TO mnemograph_definer USING (true);
ALTER FUNCTION memory.rules_of(uuid[]) OWNER TO mnemograph_definer;
ALTER FUNCTION memory.circumstances(uuid[]) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.rules_of(uuid[]), memory.circumstances(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.rules_of(uuid[]), memory.circumstances(uuid[]) TO mnemograph_memory;

-- Retention of memories is the room's own affair now: it judges by its rules, of which the tenant's default is one.
CREATE OR REPLACE FUNCTION app.apply_retention(at timestamptz) RETURNS TABLE (data_type text, amount bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH policy AS MATERIALIZED (
    SELECT retention_policies.tenant_id, retention_policies.data_type, at - make_interval(days => retention_policies.keep_days) AS before
    FROM app.retention_policies
  ), sessions AS (
    DELETE FROM memory.chat_sessions USING policy
    WHERE policy.data_type = 'CHAT_SESSIONS' AND policy.tenant_id = chat_sessions.tenant_id AND NOT chat_sessions.active
      AND chat_sessions.updated_at < policy.before RETURNING 1
  ), events AS (
    DELETE FROM agents.blackboard_events USING policy
    WHERE policy.data_type = 'BLACKBOARD_EVENTS' AND policy.tenant_id = blackboard_events.tenant_id
      AND blackboard_events.created_at < policy.before RETURNING 1
  ), sign_ins AS (
    DELETE FROM users.sessions USING policy
    WHERE policy.data_type = 'SIGN_INS' AND policy.tenant_id = sessions.tenant_id
      AND least(sessions.ended_at, sessions.expires_at) < policy.before RETURNING 1
  )
  SELECT 'CHAT_SESSIONS', (SELECT count(*) FROM sessions)
  UNION ALL SELECT 'BLACKBOARD_EVENTS', (SELECT count(*) FROM events) UNION ALL SELECT 'SIGN_INS', (SELECT count(*) FROM sign_ins);
END;
DROP POLICY retention ON memory.revisions;
REVOKE UPDATE (retention_until) ON memory.revisions FROM mnemograph_definer;
