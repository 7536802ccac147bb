-- What a cold memory said is packed where it is stored: its content then stands in `content_packed`, and in `content` no
-- more. The metadata is of whoever tried: a text that does not get smaller stays plain, and is not tried again.
ALTER TABLE memory.revisions
  ALTER COLUMN content DROP NOT NULL,
  ADD COLUMN content_packed bytea,
  ADD COLUMN compression_metadata jsonb,
  ADD CONSTRAINT revisions_content_once CHECK ((content IS NULL) <> (content_packed IS NULL)),
  ADD CONSTRAINT revisions_packed_how CHECK (content_packed IS NULL OR compression_metadata IS NOT NULL);
-- It is packed already, and better than PostgreSQL could.
ALTER TABLE memory.revisions ALTER COLUMN content_packed SET STORAGE EXTERNAL;

CREATE OR REPLACE VIEW memory.current_memories WITH (security_invoker = true) AS
  SELECT memories.id, memories.tenant_id, memories.owner_id, memories.ordinal, memories.session_id, memories.message_id,
         memories.position, memories.speaker, memories.external_id, memories.version, memories.created_at, memories.updated_at,
         memories.visibility, revisions.content, revisions.content_hash, revisions.terms, revisions.tier, revisions.metadata,
         revisions.occurred_at, revisions.time_inferred, revisions.retention_until, revisions.content_packed,
         revisions.compression_metadata
  FROM memory.memories
  JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
  WHERE memories.forgotten_at IS NULL;

ALTER TABLE memory.policy_rules
  DROP CONSTRAINT policy_rules_kind_check,
  DROP CONSTRAINT policy_rules_action_check,
  ADD CONSTRAINT policy_rules_kind_check CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER', 'COMPRESSION')),
  ADD CONSTRAINT policy_rules_action_check
    CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE', 'COMPRESS', 'EXPAND'));
ALTER TABLE memory.policy_decisions
  DROP CONSTRAINT policy_decisions_kind_check,
  DROP CONSTRAINT policy_decisions_action_check,
  ADD CONSTRAINT policy_decisions_kind_check CHECK (kind IN ('RETENTION', 'SHARING', 'REDACTION', 'TIER', 'COMPRESSION')),
  ADD CONSTRAINT policy_decisions_action_check
    CHECK (action IN ('ALLOW', 'DENY', 'KEEP', 'MASK', 'MOVE', 'EXPIRE', 'COMPRESS', 'EXPAND'));
