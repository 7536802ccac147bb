CREATE OR REPLACE FUNCTION memory.search(
  terms text[], boosts double precision[], most integer, filtered boolean, tiers text[], seen text, session uuid,
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
    SELECT item.term COLLATE "C" AS term, item.boost, item.ordinality::integer AS place
    FROM ROWS FROM (unnest(terms), unnest(boosts)) WITH ORDINALITY AS item (term, boost, ordinality)
  ), found AS MATERIALIZED (
    SELECT asked.place, postings.memory_id, postings.frequency, postings.length
    FROM asked JOIN memory.postings ON postings.term = asked.term
      AND postings.shelf_id = ANY ((SELECT shelf.ids FROM shelf)::uuid[])
  ), rarity AS MATERIALIZED (
    SELECT found.place, count(*) AS frequency FROM found GROUP BY found.place
  ), weight AS MATERIALIZED (
    SELECT array_agg(coalesce(rarity.frequency, 0)::integer ORDER BY asked.place) AS frequencies,
           array_agg(2.2::double precision * asked.boost * ln(1 + (size.documents - coalesce(rarity.frequency, 0) + 0.5::double precision)
             / (coalesce(rarity.frequency, 0) + 0.5::double precision)) ORDER BY asked.place) AS weights
    FROM asked CROSS JOIN size LEFT JOIN rarity USING (place)
  ), scored AS (
    SELECT found.memory_id, sum((SELECT weight.weights FROM weight)[found.place] * found.frequency
             / (found.frequency + 0.3::double precision + (SELECT size.per_term FROM size) * found.length)) AS score
    FROM found GROUP BY found.memory_id
  ), best AS (
    SELECT scored.memory_id, scored.score FROM scored
    -- Not by EXISTS, for which all memories may be read into a table first.
    WHERE NOT filtered OR (
      SELECT true FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
      WHERE memories.id = scored.memory_id AND (tiers IS NULL OR revisions.tier = ANY (tiers))
        AND (seen IS NULL OR revisions.visibility = seen) AND (session IS NULL OR memories.session_id = session)
        AND (occurred_from IS NULL OR revisions.occurred_at >= occurred_from)
        AND (occurred_before IS NULL OR revisions.occurred_at < occurred_before)
        AND (contained IS NULL OR revisions.metadata @> contained))
    ORDER BY scored.score DESC, scored.memory_id LIMIT most
  )
  SELECT size.documents::integer, size.average, (SELECT weight.frequencies FROM weight),
         (SELECT array_agg(best.memory_id ORDER BY best.score DESC, best.memory_id) FROM best),
         (SELECT array_agg(best.score ORDER BY best.score DESC, best.memory_id) FROM best)
  FROM size;
END;
DROP FUNCTION memory.weigh_postings(uuid[], text[], double precision[], integer[], integer, double precision, integer, boolean, text[], text, uuid, timestamptz, timestamptz, jsonb);
DROP FUNCTION memory.count_postings(uuid[], text[]);
DROP FUNCTION memory.measure_shelves(uuid[]);
