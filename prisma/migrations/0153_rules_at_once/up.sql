-- Rules that have changed and are yet to be applied to what is stored: an owner's, or without one the tenant's. Until then
-- what is over by them is hidden by asking them. Each change has an id of its own.
CREATE TABLE memory.rules_to_apply (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid
);
CREATE UNIQUE INDEX rules_to_apply_scope ON memory.rules_to_apply (tenant_id, owner_id) NULLS NOT DISTINCT;
ALTER TABLE memory.rules_to_apply ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.rules_to_apply FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.rules_to_apply TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY lead_tenant ON memory.rules_to_apply TO mnemograph_memory
  USING (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_admin()))
  WITH CHECK (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_admin()));
GRANT SELECT, INSERT, UPDATE ON memory.rules_to_apply TO mnemograph_memory;
-- Whoever applies them asks which there are; he works in each owner's name.
CREATE POLICY upkeep ON memory.rules_to_apply TO mnemograph_projector USING (true);
GRANT SELECT, DELETE ON memory.rules_to_apply TO mnemograph_projector;
CREATE POLICY definer ON memory.rules_to_apply FOR SELECT TO mnemograph_definer USING (true);
GRANT SELECT ON memory.rules_to_apply TO mnemograph_definer;

-- Whose rules have yet to be applied, the tenant among them; null when nobody's have.
CREATE FUNCTION memory.rules_pending() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT array_agg(coalesce(rules_to_apply.owner_id, rules_to_apply.tenant_id)) FROM memory.rules_to_apply
  WHERE rules_to_apply.tenant_id = app.current_tenant_id();
END;

-- Whether a memory's time is over by the rules as they are now: of its tenant's and of its owner's the first that fits. The
-- same as upkeep works out and stores. Plans are made for when it is not asked.
CREATE FUNCTION memory.over_by_rules(judged uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT coalesce(bool_or(first.action = 'KEEP'
    AND first.kept_from + make_interval(hours => 24 * (first.configuration ->> 'keepDays')::integer) <= app.current_moment()), false)
  FROM (
    SELECT DISTINCT ON (rule.owner_id) rule.action, rule.configuration,
           date_trunc('milliseconds', coalesce(revision.kept_from, revision.known_from)) AS kept_from
    FROM memory.memories AS memory
    JOIN memory.revisions AS revision ON revision.memory_id = memory.id AND revision.known_until IS NULL
    LEFT JOIN memory.chat_sessions AS session ON session.id = memory.session_id
    LEFT JOIN memory.accesses AS access ON access.memory_id = memory.id
    CROSS JOIN LATERAL (
      SELECT policy_rules.owner_id, policy_rules.name, policy_rules.priority, policy_rules.action, policy_rules.configuration,
             policy_rules.configuration -> 'condition' AS condition
      FROM memory.policy_rules
      WHERE policy_rules.kind = 'RETENTION' AND policy_rules.enabled AND policy_rules.tenant_id = memory.tenant_id
        AND (policy_rules.owner_id IS NULL OR policy_rules.owner_id = memory.owner_id)
      UNION ALL
      SELECT NULL, '', -2147483648, 'KEEP', jsonb_build_object('keepDays', retention_policies.keep_days), '{}'
      FROM app.retention_policies
      WHERE retention_policies.data_type = 'MEMORIES' AND retention_policies.tenant_id = memory.tenant_id
    ) AS rule
    CROSS JOIN LATERAL (SELECT coalesce(access.accessed_at, memory.created_at) AS accessed_at, coalesce(access.count, 0) AS count) AS read
    WHERE memory.id = judged
      AND (NOT rule.condition ? 'tiers' OR rule.condition -> 'tiers' @> to_jsonb(revision.tier))
      AND (NOT rule.condition ? 'modes' OR coalesce(rule.condition -> 'modes' @> to_jsonb(session.mode), false))
      AND (NOT rule.condition ? 'userIds' OR rule.condition -> 'userIds' @> to_jsonb(memory.owner_id))
      AND (NOT rule.condition ? 'visibilities' OR rule.condition -> 'visibilities' @> to_jsonb(revision.visibility))
      AND (NOT rule.condition ? 'metadata' OR coalesce(revision.metadata @> (rule.condition -> 'metadata'), false))
      AND (NOT rule.condition ? 'minAgeDays'
        OR memory.created_at + make_interval(hours => 24 * (rule.condition ->> 'minAgeDays')::integer) <= app.current_moment())
      AND (NOT rule.condition ? 'idleDays'
        OR read.accessed_at + make_interval(hours => 24 * (rule.condition ->> 'idleDays')::integer) <= app.current_moment())
      AND (NOT rule.condition ? 'minAccesses' OR read.count >= (rule.condition ->> 'minAccesses')::integer)
      AND (NOT rule.condition ? 'maxAccesses' OR read.count <= (rule.condition ->> 'maxAccesses')::integer)
    ORDER BY rule.owner_id, rule.priority DESC, rule.name COLLATE "C"
  ) AS first;
END;
ALTER FUNCTION memory.rules_pending() OWNER TO mnemograph_definer;
ALTER FUNCTION memory.over_by_rules(uuid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.rules_pending(), memory.over_by_rules(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.rules_pending(), memory.over_by_rules(uuid) TO mnemograph_memory;

-- Beside what is stored: of those alone whose rules have yet to be applied, so that no row is judged when there are none.
CREATE POLICY kept_by_rules ON memory.memories AS RESTRICTIVE FOR SELECT TO mnemograph_memory
  USING ((SELECT memory.rules_pending()) IS NULL
    OR NOT (SELECT memory.rules_pending()) && ARRAY[owner_id, tenant_id]
    OR NOT memory.over_by_rules(id));

-- A name is free as soon as nobody is shown who has it.
CREATE OR REPLACE FUNCTION memory.expired_of_names(names text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT memories.id FROM memory.memories
  WHERE memories.owner_id = app.current_user_id() AND memories.external_id = ANY (names) AND memories.forgotten_at IS NULL
    AND (memories.retention_until <= app.current_moment()
      OR memory.rules_pending() && ARRAY[memories.owner_id, memories.tenant_id] AND memory.over_by_rules(memories.id));
END;
