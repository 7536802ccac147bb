DROP TRIGGER forget_relations ON memory.memories;
DROP FUNCTION memory.forget_relations();
DROP INDEX memory.revisions_content;
ALTER TABLE memory.revisions DROP COLUMN context_analysis;
DROP TABLE memory.sources;
DROP TABLE memory.relationships;
