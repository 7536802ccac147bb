CREATE OR REPLACE FUNCTION memory.note(reads jsonb, decisions jsonb) RETURNS void
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
DROP POLICY definer_reads ON users.erasures;
REVOKE SELECT ON users.erasures FROM mnemograph_definer;
