DROP FUNCTION memory.match_granted(text[], integer);
DROP FUNCTION memory.granted(integer);
DROP FUNCTION memory.grantee_of(text, uuid);
DROP FUNCTION memory.grantees(uuid);
DROP POLICY definer ON app.teams;
REVOKE SELECT ON app.teams FROM mnemograph_definer;
DROP POLICY shelf_of_writable ON memory.shelves;
DROP POLICY shelf_of_writable ON memory.postings;
DROP POLICY update_granted ON memory.revisions;
DROP POLICY write_granted ON memory.revisions;
DROP POLICY write_granted ON memory.memories;
DROP FUNCTION memory.may_write(uuid, uuid);
DROP POLICY privacy_received ON memory.grants;
CREATE POLICY privacy_received ON memory.grants TO mnemograph_privacy USING (subject_id = (SELECT app.current_user_id()));
DROP POLICY read_grants ON memory.grants;
CREATE POLICY read_grants ON memory.grants FOR SELECT TO mnemograph_memory
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND (owner_id = (SELECT app.current_user_id()) OR subject_id = ANY ((SELECT app.current_principals())::uuid[])));
DROP POLICY read_granted ON memory.memories;
CREATE POLICY read_granted ON memory.memories FOR SELECT TO mnemograph_memory
  USING (visibility = 'SHARED' AND tenant_id = (SELECT app.current_tenant_id())
    AND EXISTS (SELECT FROM memory.grants WHERE grants.memory_id = memories.id
                AND grants.subject_id = ANY ((SELECT app.current_principals())::uuid[])));
DROP TRIGGER audit_insert ON memory.grants;
DROP TRIGGER audit_update ON memory.grants;
DROP TRIGGER audit_delete ON memory.grants;
DROP INDEX memory.grants_grantee;
CREATE INDEX grants_subject ON memory.grants (subject_id, memory_id);
ALTER TABLE memory.grants DROP COLUMN grantee_id;
ALTER TABLE memory.grants DROP COLUMN id;
