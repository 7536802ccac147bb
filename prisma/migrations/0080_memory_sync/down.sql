DROP TABLE memory.sync_marks;
DROP TABLE memory.memory_syncs;
