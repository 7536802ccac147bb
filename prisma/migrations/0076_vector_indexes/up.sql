-- The indexes of vectors: one for each store and model that vectors stand in. One is searched. A change of model fills
-- another beside it, and then they change places; the one that has served stays until the next start.
CREATE TABLE memory.vector_indexes (
  name text PRIMARY KEY,
  backend text NOT NULL CHECK (backend IN ('pgvector', 'qdrant')),
  model text NOT NULL,
  dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 65535),
  state text NOT NULL CHECK (state IN ('BUILDING', 'ACTIVE', 'RETIRED', 'DROPPED')),
  started_at timestamptz NOT NULL DEFAULT now(),
  switched_at timestamptz
);
CREATE UNIQUE INDEX vector_indexes_active ON memory.vector_indexes (state) WHERE state = 'ACTIVE';
GRANT SELECT, INSERT, UPDATE ON memory.vector_indexes TO mnemograph_projector;

-- What has been filled so far is what is searched.
INSERT INTO memory.vector_indexes (name, backend, model, dimensions, state, switched_at)
SELECT 'pgvector ' || model, 'pgvector', model, max(vector_dims(embedding::vector)), 'ACTIVE', now()
FROM memory.embeddings GROUP BY model ORDER BY count(*) DESC LIMIT 1;
UPDATE events.positions SET projector = 'vectors ' || (SELECT name FROM memory.vector_indexes)
WHERE projector = 'vectors' AND EXISTS (SELECT FROM memory.vector_indexes);
DELETE FROM events.positions WHERE projector = 'vectors';

-- Removes a model's table with all that is in it.
CREATE FUNCTION memory.drop_embeddings(model text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS memory.%I', 'embeddings_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16));
END
$$;
REVOKE EXECUTE ON FUNCTION memory.drop_embeddings(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.drop_embeddings(text) TO mnemograph_projector;
