CREATE SCHEMA knowledge;
GRANT USAGE ON SCHEMA knowledge TO mnemograph_knowledge, mnemograph_projector;
GRANT USAGE, CREATE ON SCHEMA knowledge TO mnemograph_definer;

-- A concept is of its owner: a name that two users' memories share is two concepts, so that none tells of the other.
CREATE TABLE knowledge.concepts (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL,
  name text NOT NULL,
  category text,
  mention_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL
);
-- Compared by byte, so that it serves a key and its beginning, whatever the database's collation.
CREATE UNIQUE INDEX concepts_owner_id_key_key ON knowledge.concepts (owner_id, key text_pattern_ops);
CREATE INDEX concepts_owner ON knowledge.concepts (owner_id, ordinal);
CREATE INDEX concepts_category ON knowledge.concepts (owner_id, category, ordinal);

-- What follows is derived by one projector, which keeps it whole; a foreign key would double what each row costs.
-- Counts change often: the free room on a page lets them change in place.

-- How a concept is written, and in how many memories so; its name and category are chosen from these.
CREATE TABLE knowledge.forms (
  concept_id uuid NOT NULL,
  name text NOT NULL,
  category text NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  support integer NOT NULL,
  PRIMARY KEY (concept_id, name, category)
) WITH (fillfactor = 70);

-- Concept APPEARS_IN memory, in the form that the memory has it.
CREATE TABLE knowledge.mentions (
  concept_id uuid NOT NULL,
  memory_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid,
  name text NOT NULL,
  category text NOT NULL,
  count integer NOT NULL,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (memory_id, concept_id)
);
CREATE INDEX mentions_concept ON knowledge.mentions (concept_id, ordinal);

-- Concept RELATES_TO concept, each pair once. Support is how many memories mention both; the strength is computed from
-- the counts when it is read.
CREATE TABLE knowledge.relations (
  source_id uuid NOT NULL,
  target_id uuid NOT NULL,
  type text NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  support integer NOT NULL,
  PRIMARY KEY (source_id, target_id, type),
  CHECK (source_id < target_id)
) WITH (fillfactor = 70);
CREATE INDEX relations_target ON knowledge.relations (target_id);

-- How an owner writes a word: what he often writes small is no name.
CREATE TABLE knowledge.casing (
  owner_id uuid NOT NULL,
  word text NOT NULL,
  tenant_id uuid NOT NULL,
  lower_count integer NOT NULL,
  capital_count integer NOT NULL,
  initial_count integer NOT NULL,
  PRIMARY KEY (owner_id, word)
) WITH (fillfactor = 70);

-- Which version of each memory was read, and what it added to the owner's casing (word, lower, capital, initial), so
-- that it can be taken back when the memory is gone.
CREATE TABLE knowledge.readings (
  memory_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  version integer NOT NULL,
  words jsonb NOT NULL
);

-- How many memories of an owner were read.
CREATE TABLE knowledge.corpora (
  owner_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  readings integer NOT NULL
);

-- How strongly two concepts belong together, 0 to 1: normalised pointwise mutual information (Bouma 2009), discounted
-- for rare events (Pantel and Lin 2002).
CREATE FUNCTION knowledge.strength(support float8, source_count float8, target_count float8, readings float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(0, ln(support * (readings + 1) / (source_count * target_count)) / ln((readings + 1) / support))
  * support / (support + 1) * least(source_count, target_count) / (least(source_count, target_count) + 1);

-- The relations seen from either end.
CREATE VIEW knowledge.strengths WITH (security_invoker = true) AS
  SELECT link.owner_id, link.source_id, link.target_id, link.type, link.support,
         knowledge.strength(link.support, source.mention_count, target.mention_count, corpora.readings) AS strength
  FROM (
    SELECT owner_id, source_id, target_id, type, support FROM knowledge.relations
    UNION ALL
    SELECT owner_id, target_id, source_id, type, support FROM knowledge.relations
  ) AS link
  JOIN knowledge.concepts AS source ON source.id = link.source_id
  JOIN knowledge.concepts AS target ON target.id = link.target_id
  JOIN knowledge.corpora ON corpora.owner_id = link.owner_id;
GRANT SELECT ON knowledge.strengths TO mnemograph_knowledge, mnemograph_projector;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['concepts', 'forms', 'mentions', 'relations', 'casing', 'readings', 'corpora'] LOOP
    EXECUTE format('ALTER TABLE knowledge.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE knowledge.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY read_own ON knowledge.%I FOR SELECT TO mnemograph_knowledge
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('CREATE POLICY projector ON knowledge.%I TO mnemograph_projector USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT ON knowledge.%I TO mnemograph_knowledge', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON knowledge.%I TO mnemograph_projector', name);
  END LOOP;
END
$$;
