-- Whoever has memories has a shelf, also when nothing stands on it because all that is his is public: upkeep and changed
-- rules go from owner to owner by it.
ALTER TABLE memory.memories NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.shelves NO FORCE ROW LEVEL SECURITY;
INSERT INTO memory.shelves (shelf_id, tenant_id, owner_id, documents, terms)
SELECT DISTINCT memories.owner_id, memories.tenant_id, memories.owner_id, 0, 0 FROM memory.memories
ON CONFLICT (shelf_id) DO NOTHING;
ALTER TABLE memory.shelves FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.memories FORCE ROW LEVEL SECURITY;
