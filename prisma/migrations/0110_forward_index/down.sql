DROP INDEX memory.memories_unpacked;
ALTER TABLE memory.memories DROP COLUMN forward;
