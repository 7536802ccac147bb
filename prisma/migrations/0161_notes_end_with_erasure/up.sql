-- What was decided of a memory while it was read is noted a moment later: by then its owner may be gone, or nobody. Whoever
-- notes and whoever begins to erase wait for each other, and what is noted from then on is not kept. Each statement sees what
-- was committed while the one before it waited, which a function in plain SQL would not.
CREATE OR REPLACE FUNCTION memory.note(reads jsonb, decisions jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('erasure ' || owner, 0))
  FROM (SELECT DISTINCT item->>'ownerId' AS owner FROM jsonb_array_elements(decisions) AS item ORDER BY 1) AS owners;
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
  WHERE EXISTS (SELECT FROM users.users WHERE users.id = item."ownerId")
    AND NOT EXISTS (SELECT FROM users.erasures WHERE erasures.user_id = item."ownerId");
END $$;
GRANT SELECT ON users.erasures TO mnemograph_definer;
CREATE POLICY definer_reads ON users.erasures FOR SELECT TO mnemograph_definer USING (true);
