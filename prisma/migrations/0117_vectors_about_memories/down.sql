DROP POLICY read_public ON memory.vectors;
CREATE POLICY read_public ON memory.vectors FOR SELECT TO mnemograph_memory
  USING (visibility = 'PUBLIC' AND tenant_id = (SELECT app.current_tenant_id()));
DROP POLICY read_granted ON memory.vectors;
CREATE POLICY read_granted ON memory.vectors FOR SELECT TO mnemograph_memory
  USING (visibility = 'SHARED' AND tenant_id = (SELECT app.current_tenant_id()) AND (
    (collection = 'CONVERSATION_CONTEXT' AND owner_id = ANY ((SELECT app.granted_shelves('CONVERSATION_CONTEXT'))::uuid[]))
    OR (collection = 'REASONING_KNOWLEDGE' AND owner_id = ANY ((SELECT app.granted_shelves('REASONING_KNOWLEDGE'))::uuid[]))
    OR (collection = 'VOICE_PATTERNS' AND owner_id = ANY ((SELECT app.granted_shelves('VOICE_PATTERNS'))::uuid[]))));
