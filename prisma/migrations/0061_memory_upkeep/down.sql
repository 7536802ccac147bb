DROP POLICY upkeep ON app.retention_policies;
DROP POLICY upkeep ON memory.shelves;
DROP POLICY upkeep ON memory.policy_rules;
REVOKE SELECT ON app.retention_policies FROM mnemograph_projector;
REVOKE SELECT (shelf_id, tenant_id, owner_id) ON memory.shelves FROM mnemograph_projector;
REVOKE SELECT (tenant_id, owner_id, kind, action, enabled) ON memory.policy_rules FROM mnemograph_projector;
DROP INDEX memory.revisions_owner_retention;
DROP TABLE memory.memory_archives;
