UPDATE events.positions SET projector = 'vectors'
WHERE projector = (SELECT 'vectors ' || name FROM memory.vector_indexes WHERE state = 'ACTIVE' AND backend = 'pgvector');
DELETE FROM events.positions WHERE projector LIKE 'vectors %';
DROP FUNCTION memory.drop_embeddings(text);
DROP TABLE memory.vector_indexes;
