-- What was removed because its time was over, where somebody asked for it to be kept: compressed files in the object store.
CREATE TABLE memory.memory_archives (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  memories integer NOT NULL,
  bytes integer NOT NULL,
  plain_bytes integer NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX memory_archives_owner ON memory.memory_archives (owner_id, ordinal);
ALTER TABLE memory.memory_archives ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.memory_archives FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.memory_archives TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, DELETE ON memory.memory_archives TO mnemograph_memory;
SELECT audit.watch('memory.memory_archives');

CREATE INDEX revisions_owner_retention ON memory.revisions (owner_id, retention_until)
  WHERE retention_until IS NOT NULL AND known_until IS NULL;

-- The job that keeps memories in order asks whose it has to look at; it works in each owner's name.
GRANT SELECT (tenant_id, owner_id, kind, action, enabled) ON memory.policy_rules TO mnemograph_projector;
CREATE POLICY upkeep ON memory.policy_rules FOR SELECT TO mnemograph_projector USING (enabled);
GRANT SELECT (shelf_id, tenant_id, owner_id) ON memory.shelves TO mnemograph_projector;
CREATE POLICY upkeep ON memory.shelves FOR SELECT TO mnemograph_projector USING (true);
GRANT SELECT ON app.retention_policies TO mnemograph_projector;
CREATE POLICY upkeep ON app.retention_policies FOR SELECT TO mnemograph_projector USING (data_type = 'MEMORIES');
