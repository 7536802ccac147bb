-- The same search for less: how many memories have a term is counted in the index, so that what is found is weighed as it
-- is read, instead of being kept to be read twice. In plpgsql, whose statements are planned once for a connection.
CREATE OR REPLACE FUNCTION memory.search(
  terms text[], boosts double precision[], most integer, filtered boolean, tiers text[], seen text, session uuid,
  occurred_from timestamptz, occurred_before timestamptz, contained jsonb,
  OUT documents integer, OUT average_length double precision, OUT frequencies integer[], OUT ids uuid[], OUT scores double precision[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  shelves uuid[] := ARRAY[app.current_user_id(), app.current_tenant_id()];
  per_term double precision;
BEGIN
  SELECT coalesce(sum(shelf.documents), 0), coalesce(sum(shelf.terms), 0) / greatest(sum(shelf.documents), 1),
         0.9 * greatest(sum(shelf.documents), 1) / greatest(sum(shelf.terms), 1)
  INTO documents, average_length, per_term FROM memory.shelves AS shelf WHERE shelf.shelf_id = ANY (shelves);
  SELECT array_agg(listed.frequency ORDER BY asked.place) INTO frequencies
  FROM unnest(terms) WITH ORDINALITY AS asked (term, place), LATERAL (
    SELECT count(*)::integer AS frequency FROM memory.postings AS posting
    WHERE posting.shelf_id = ANY (shelves) AND posting.term = asked.term COLLATE "C") AS listed;
  SELECT array_agg(best.memory_id ORDER BY best.score DESC, best.memory_id), array_agg(best.score ORDER BY best.score DESC, best.memory_id)
  INTO ids, scores FROM (
    SELECT posting.memory_id, sum(asked.weight * posting.frequency / (posting.frequency + 0.3::float8 + per_term * posting.length)) AS score
    FROM (SELECT item.term, 2.2::float8 * item.boost * ln(1 + (documents - item.frequency + 0.5::float8) / (item.frequency + 0.5::float8)) AS weight
          FROM unnest(terms, boosts, frequencies) WITH ORDINALITY AS item (term, boost, frequency, place) OFFSET 0) AS asked
    JOIN memory.postings AS posting ON posting.shelf_id = ANY (shelves) AND posting.term = asked.term COLLATE "C"
    GROUP BY posting.memory_id
    -- Not by EXISTS, for which all memories may be read into a table first.
    HAVING NOT filtered OR (
      SELECT true FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
      WHERE memories.id = posting.memory_id AND (tiers IS NULL OR revisions.tier = ANY (tiers))
        AND (seen IS NULL OR revisions.visibility = seen) AND (session IS NULL OR memories.session_id = session)
        AND (occurred_from IS NULL OR revisions.occurred_at >= occurred_from)
        AND (occurred_before IS NULL OR revisions.occurred_at < occurred_before)
        AND (contained IS NULL OR revisions.metadata @> contained))
    ORDER BY score DESC, posting.memory_id LIMIT most) AS best;
END $$;
