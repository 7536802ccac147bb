-- Objects that no row wants any more. The store knows no transactions: an object goes when what let it go is committed, and
-- what a crash in between leaves behind is found here.
CREATE TABLE memory.objects_to_remove (
  owner_id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (owner_id, name)
);
ALTER TABLE memory.objects_to_remove ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.objects_to_remove FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.objects_to_remove TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, DELETE ON memory.objects_to_remove TO mnemograph_memory;
-- The job asks what there is; it works in each owner's name.
CREATE POLICY upkeep ON memory.objects_to_remove FOR SELECT TO mnemograph_projector USING (true);
GRANT SELECT ON memory.objects_to_remove TO mnemograph_projector;
