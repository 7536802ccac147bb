DROP FUNCTION memory.drop_decisions(interval);
DROP FUNCTION events.drop_partitions(interval);
