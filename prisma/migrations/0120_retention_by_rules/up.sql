-- Until when a memory is kept has two sources: what its owner asked for stands, what rules add is worked out anew.
ALTER TABLE memory.revisions ADD COLUMN retention_asked timestamptz;
-- Since when rules count: when it was last revised, which a revision that only changes the retention does not move.
ALTER TABLE memory.revisions ADD COLUMN kept_from timestamptz;
-- Of what is there: what a rule is noted to have set is the rule's, all else the owner's.
ALTER TABLE memory.revisions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.policy_decisions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.revisions DISABLE TRIGGER USER;
UPDATE memory.revisions SET retention_asked = retention_until
WHERE retention_until IS NOT NULL AND NOT EXISTS (
  SELECT FROM memory.policy_decisions AS decision
  WHERE decision.memory_id = revisions.memory_id AND decision.kind = 'RETENTION' AND decision.action = 'KEEP'
    AND (decision.outcome ->> 'retentionUntil')::timestamptz = revisions.retention_until);
ALTER TABLE memory.revisions ENABLE TRIGGER USER;
ALTER TABLE memory.policy_decisions FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.revisions FORCE ROW LEVEL SECURITY;
-- Whose memories rules keep: asked for by the job, whatever rules there still are.
CREATE INDEX revisions_kept_by_rules ON memory.revisions (owner_id)
  WHERE known_until IS NULL AND retention_until IS DISTINCT FROM retention_asked;
