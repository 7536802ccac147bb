-- The same search for less: how many memories have a term is counted in the index first, so that what is found is weighed
-- as it is read, instead of being kept to be read twice. Its statements are planned once for a connection, whatever is
-- asked; each stands in a function of its own, which is put in its place as a view would be.
CREATE FUNCTION memory.measure_shelves(shelves uuid[])
RETURNS TABLE (documents integer, average_length double precision, per_term double precision)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
  SELECT coalesce(sum(shelf.documents), 0)::integer,
         (coalesce(sum(shelf.terms), 0) / greatest(sum(shelf.documents), 1))::double precision,
         0.9::double precision * greatest(sum(shelf.documents), 1)::double precision / greatest(sum(shelf.terms), 1)::double precision
  FROM memory.shelves AS shelf WHERE shelf.shelf_id = ANY (shelves);
END;

CREATE FUNCTION memory.count_postings(shelves uuid[], terms text[]) RETURNS TABLE (frequencies integer[])
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
  SELECT array_agg(listed.frequency ORDER BY asked.place)
  FROM unnest(terms) WITH ORDINALITY AS asked (term, place), LATERAL (
    SELECT count(*)::integer AS frequency FROM memory.postings
    WHERE postings.shelf_id = ANY (shelves) AND postings.term = asked.term COLLATE "C") AS listed;
END;

CREATE FUNCTION memory.weigh_postings(
  shelves uuid[], terms text[], boosts double precision[], frequencies integer[], documents integer, per_term double precision, most integer,
  filtered boolean, tiers text[], seen text, session uuid, occurred_from timestamptz, occurred_before timestamptz, contained jsonb)
RETURNS TABLE (memory_id uuid, score double precision)
LANGUAGE sql STABLE ROWS 200
BEGIN ATOMIC
  SELECT found.memory_id, found.score FROM (
    SELECT postings.memory_id,
           sum(asked.weight * postings.frequency / (postings.frequency + 0.3::double precision + per_term * postings.length)) AS score
    FROM (SELECT item.term, 2.2::double precision * item.boost
                   * ln(1 + (documents - item.frequency + 0.5::double precision) / (item.frequency + 0.5::double precision)) AS weight
          FROM ROWS FROM (unnest(terms), unnest(boosts), unnest(frequencies)) AS item (term, boost, frequency) OFFSET 0) AS asked
    JOIN memory.postings ON postings.shelf_id = ANY (shelves) AND postings.term = asked.term COLLATE "C"
    GROUP BY postings.memory_id
    -- Of what is filtered the best are looked at until enough of them fit.
    ORDER BY score DESC, postings.memory_id LIMIT CASE WHEN NOT filtered THEN most END) AS found
  -- Not by EXISTS, for which all memories may be read into a table first.
  WHERE NOT filtered OR (
    SELECT true FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
    WHERE memories.id = found.memory_id AND (tiers IS NULL OR revisions.tier = ANY (tiers))
      AND (seen IS NULL OR revisions.visibility = seen) AND (session IS NULL OR memories.session_id = session)
      AND (occurred_from IS NULL OR revisions.occurred_at >= occurred_from)
      AND (occurred_before IS NULL OR revisions.occurred_at < occurred_before)
      AND (contained IS NULL OR revisions.metadata @> contained))
  ORDER BY found.score DESC, found.memory_id LIMIT most;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['memory.measure_shelves(uuid[])', 'memory.count_postings(uuid[], text[])',
    'memory.weigh_postings(uuid[], text[], double precision[], integer[], integer, double precision, integer, boolean, text[], text, uuid, timestamptz, timestamptz, jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION memory.search(
  terms text[], boosts double precision[], most integer, filtered boolean, tiers text[], seen text, session uuid,
  occurred_from timestamptz, occurred_before timestamptz, contained jsonb,
  OUT documents integer, OUT average_length double precision, OUT frequencies integer[], OUT ids uuid[], OUT scores double precision[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  searched uuid[] := ARRAY[app.current_user_id(), app.current_tenant_id()];
  per_term double precision;
BEGIN
  SELECT size.documents, size.average_length, size.per_term INTO documents, average_length, per_term
  FROM memory.measure_shelves(searched) AS size;
  SELECT counted.frequencies INTO frequencies FROM memory.count_postings(searched, terms) AS counted;
  SELECT array_agg(best.memory_id ORDER BY best.score DESC, best.memory_id), array_agg(best.score ORDER BY best.score DESC, best.memory_id)
  INTO ids, scores
  FROM memory.weigh_postings(searched, terms, boosts, frequencies, documents, per_term, most,
                             filtered, tiers, seen, session, occurred_from, occurred_before, contained) AS best;
END $$;
