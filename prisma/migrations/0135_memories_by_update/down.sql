DROP INDEX memory.memories_public_updated;
DROP INDEX memory.memories_owner_updated;
