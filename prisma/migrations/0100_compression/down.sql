-- Policies hold for their owner too, and none lets a migration see a row.
ALTER TABLE memory.revisions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_rules NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_decisions NO FORCE ROW LEVEL SECURITY;
-- The database cannot unpack what the program has packed, and what somebody remembered is not to be lost.
DO $$
BEGIN
  IF EXISTS (SELECT FROM memory.revisions WHERE content_packed IS NOT NULL) THEN
    RAISE EXCEPTION 'Some memories are compressed. Have them expanded by a rule of the tenant''s (COMPRESSION, EXPAND) first.';
  END IF;
END
$$;
DELETE FROM memory.policy_rules WHERE kind = 'COMPRESSION';
DELETE FROM memory.policy_decisions WHERE kind = 'COMPRESSION';
ALTER TABLE memory.policy_decisions
  DROP CONSTRAINT policy_decisions_kind_check,
  DROP CONSTRAINT policy_decisions_action_check,
  ADD CONSTRAINT policy_decisions_kind_check CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER')),
  ADD CONSTRAINT policy_decisions_action_check CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE', 'EXPIRE'));
ALTER TABLE memory.policy_rules
  DROP CONSTRAINT policy_rules_kind_check,
  DROP CONSTRAINT policy_rules_action_check,
  ADD CONSTRAINT policy_rules_kind_check CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER')),
  ADD CONSTRAINT policy_rules_action_check CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE'));

DROP VIEW memory.current_memories;
CREATE VIEW memory.current_memories WITH (security_invoker = true) AS
  SELECT memories.id, memories.tenant_id, memories.owner_id, memories.ordinal, memories.session_id, memories.message_id,
         memories.position, memories.speaker, memories.external_id, memories.version, memories.created_at, memories.updated_at,
         memories.visibility, revisions.content, revisions.content_hash, revisions.terms, revisions.tier, revisions.metadata,
         revisions.occurred_at, revisions.time_inferred, revisions.retention_until
  FROM memory.memories
  JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
  WHERE memories.forgotten_at IS NULL;
GRANT SELECT ON memory.current_memories TO mnemograph_memory, mnemograph_projector;
ALTER TABLE memory.revisions DROP COLUMN content_packed, DROP COLUMN compression_metadata, ALTER COLUMN content SET NOT NULL;
ALTER TABLE memory.revisions FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_rules FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_decisions FORCE ROW LEVEL SECURITY;
