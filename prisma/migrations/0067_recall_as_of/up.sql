-- The words of revisions that were followed by others, each with the time in which it was what was known. They stand on the
-- shelf that the memory stands on now, on its tenant's only when they were not private themselves.
CREATE TABLE memory.past_postings (
  shelf_id uuid NOT NULL,
  term text COLLATE "C" NOT NULL,
  memory_id uuid NOT NULL,
  version integer NOT NULL,
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  frequency smallint NOT NULL,
  length integer NOT NULL,
  was_open boolean NOT NULL,
  known_from timestamptz NOT NULL,
  known_until timestamptz NOT NULL,
  PRIMARY KEY (shelf_id, term, memory_id, version)
);
CREATE INDEX past_postings_memory ON memory.past_postings (memory_id);
ALTER TABLE memory.past_postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.past_postings FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON memory.past_postings TO mnemograph_definer;
CREATE POLICY definer ON memory.past_postings TO mnemograph_definer USING (true) WITH CHECK (true);

CREATE FUNCTION memory.keep_past(revision memory.revisions) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO memory.past_postings (shelf_id, term, memory_id, version, tenant_id, owner_id, frequency, length, was_open,
                                    known_from, known_until)
  SELECT CASE WHEN revision.visibility <> 'PRIVATE' AND memories.visibility = 'PUBLIC' THEN revision.tenant_id ELSE revision.owner_id END,
         item.key, revision.memory_id, revision.version, revision.tenant_id, revision.owner_id,
         least(item.value::integer, 32767), (sum(item.value::integer) OVER ())::integer, revision.visibility <> 'PRIVATE',
         revision.known_from, revision.known_until
  FROM jsonb_each_text(revision.terms) AS item JOIN memory.memories ON memories.id = revision.memory_id
  WHERE revision.known_until > revision.known_from;
END;

CREATE FUNCTION memory.follow_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF TG_TABLE_NAME = 'revisions' THEN
    PERFORM memory.keep_past(NEW);
  ELSIF NEW.forgotten_at IS NOT NULL THEN
    DELETE FROM memory.past_postings WHERE past_postings.memory_id = NEW.id;
  ELSE
    UPDATE memory.past_postings
    SET shelf_id = CASE WHEN NEW.visibility = 'PUBLIC' AND past_postings.was_open THEN NEW.tenant_id ELSE NEW.owner_id END
    WHERE past_postings.memory_id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER keep_past AFTER UPDATE OF known_until ON memory.revisions
  FOR EACH ROW WHEN (OLD.known_until IS NULL AND NEW.known_until IS NOT NULL) EXECUTE FUNCTION memory.follow_past();
CREATE TRIGGER forget_past AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.follow_past();
CREATE TRIGGER move_past AFTER UPDATE OF visibility ON memory.memories
  FOR EACH ROW WHEN ((OLD.visibility = 'PUBLIC') <> (NEW.visibility = 'PUBLIC')) EXECUTE FUNCTION memory.follow_past();

-- What was revised before there was this index.
CREATE FUNCTION memory.keep_all_past() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT memory.keep_past(revisions) FROM memory.revisions WHERE revisions.known_until IS NOT NULL
$$;

-- memory.search of what was known at a moment: the words of present revisions that were known by then, and of those that
-- were followed by others since. What others gave the viewer is read by what each said then. How rare a word is, is
-- counted as of then; how long memories are on average, as of now.
CREATE FUNCTION memory.search_as_of(
  terms text[], boosts double precision[], most integer, as_of timestamptz, tiers text[], seen text, session uuid,
  occurred_from timestamptz, occurred_before timestamptz, contained jsonb,
  OUT documents integer, OUT average_length double precision, OUT frequencies integer[], OUT ids uuid[], OUT scores double precision[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH shelf AS MATERIALIZED (
    SELECT ARRAY[app.current_user_id(), app.current_tenant_id()] AS ids
  ), size AS MATERIALIZED (
    SELECT coalesce(sum(shelves.documents), 0)::double precision AS documents,
           (coalesce(sum(shelves.terms), 0) / greatest(sum(shelves.documents), 1))::double precision AS average,
           0.9::double precision * greatest(sum(shelves.documents), 1)::double precision
             / greatest(sum(shelves.terms), 1)::double precision AS per_term
    FROM memory.shelves WHERE shelves.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
  ), asked AS MATERIALIZED (
    SELECT item.term COLLATE "C" AS term, item.boost, item.ordinality AS place
    FROM ROWS FROM (unnest(terms), unnest(boosts)) WITH ORDINALITY AS item (term, boost, ordinality)
  ), found AS MATERIALIZED (
    SELECT asked.term, postings.memory_id, postings.frequency::integer AS frequency, postings.length
    FROM asked JOIN memory.postings ON postings.term = asked.term
      AND postings.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
    WHERE EXISTS (SELECT FROM memory.revisions WHERE revisions.memory_id = postings.memory_id
                  AND revisions.known_until IS NULL AND revisions.known_from <= as_of)
    UNION ALL
    SELECT asked.term, past.memory_id, past.frequency, past.length
    FROM asked JOIN memory.past_postings AS past ON past.term = asked.term
      AND past.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
    WHERE past.known_from <= as_of AND past.known_until > as_of
    UNION ALL
    SELECT asked.term, given.memory_id, (earlier.terms ->> asked.term)::integer, earlier.length
    FROM memory.granted(5000) AS given CROSS JOIN LATERAL (
      SELECT revisions.terms, (SELECT coalesce(sum(value::integer), 0)::integer FROM jsonb_each_text(revisions.terms)) AS length
      FROM memory.revisions
      WHERE revisions.memory_id = given.memory_id AND revisions.visibility <> 'PRIVATE' AND revisions.known_from <= as_of
        AND (revisions.known_until IS NULL OR revisions.known_until > as_of) OFFSET 0
    ) AS earlier JOIN asked ON earlier.terms ? asked.term
  ), rarity AS MATERIALIZED (
    SELECT found.term, count(*) AS frequency FROM found GROUP BY found.term
  ), weight AS MATERIALIZED (
    SELECT asked.term, asked.place, coalesce(rarity.frequency, 0) AS frequency,
           2.2::double precision * asked.boost
             * ln(1 + (greatest(size.documents, rarity.frequency) - rarity.frequency + 0.5::double precision)
               / (rarity.frequency + 0.5::double precision)) AS weight
    FROM asked CROSS JOIN size LEFT JOIN rarity USING (term)
  ), scored AS (
    SELECT found.memory_id, sum(weight.weight * found.frequency
             / (found.frequency + 0.3::double precision + size.per_term * found.length)) AS score
    FROM found JOIN weight USING (term) CROSS JOIN size GROUP BY found.memory_id
  ), best AS (
    SELECT scored.memory_id, scored.score FROM scored
    WHERE EXISTS (
      SELECT FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id
        AND revisions.known_from <= as_of AND (revisions.known_until IS NULL OR revisions.known_until > as_of)
      WHERE memories.id = scored.memory_id AND memories.forgotten_at IS NULL
        AND (tiers IS NULL OR revisions.tier = ANY (tiers))
        AND (seen IS NULL OR revisions.visibility = seen) AND (session IS NULL OR memories.session_id = session)
        AND (occurred_from IS NULL OR revisions.occurred_at >= occurred_from)
        AND (occurred_before IS NULL OR revisions.occurred_at < occurred_before)
        AND (contained IS NULL OR revisions.metadata @> contained))
    ORDER BY scored.score DESC, scored.memory_id LIMIT most
  )
  SELECT size.documents::integer, size.average, (SELECT array_agg(weight.frequency::integer ORDER BY weight.place) FROM weight),
         (SELECT array_agg(best.memory_id ORDER BY best.score DESC, best.memory_id) FROM best),
         (SELECT array_agg(best.score ORDER BY best.score DESC, best.memory_id) FROM best)
  FROM size;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['memory.keep_past(memory.revisions)', 'memory.follow_past()', 'memory.keep_all_past()',
    'memory.search_as_of(text[], double precision[], integer, timestamptz, text[], text, uuid, timestamptz, timestamptz, jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION memory.search_as_of(text[], double precision[], integer, timestamptz, text[], text, uuid, timestamptz, timestamptz, jsonb)
  TO mnemograph_memory;
GRANT EXECUTE ON FUNCTION memory.keep_all_past() TO CURRENT_USER;
SELECT memory.keep_all_past();
DROP FUNCTION memory.keep_all_past();
