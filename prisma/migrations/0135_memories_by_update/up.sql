-- Lists of memories by when they were last revised: a reader's own, and what is public in his tenant.
CREATE INDEX memories_owner_updated ON memory.memories (owner_id, updated_at, ordinal) WHERE forgotten_at IS NULL;
CREATE INDEX memories_public_updated ON memory.memories (tenant_id, updated_at, ordinal)
  WHERE visibility = 'PUBLIC' AND forgotten_at IS NULL;
