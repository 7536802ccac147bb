-- The forward index: what recall weighs of a memory's present text, packed by the memory room when it is written
-- (subgraphs/memory/recall/forward.ts). It stands with the memory's place in its session, so that a neighbourhood is one
-- stretch of one index. Memories written before have none until the room's job has given them theirs.
ALTER TABLE memory.memories ADD COLUMN forward bytea CHECK (forgotten_at IS NULL OR forward IS NULL);
CREATE INDEX memories_unpacked ON memory.memories (owner_id, ordinal) WHERE forward IS NULL AND forgotten_at IS NULL;
