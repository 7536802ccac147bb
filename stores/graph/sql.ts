import { projectorContext } from '../log/log.ts'
import type { Database, Postgres } from '../postgres/postgres.ts'
import type { GraphLink, GraphStore, RelatedConcept, RelatedOptions } from './port.ts'

/** The knowledge graph by SQL over the rows themselves: never behind, and slower than a graph store on large graphs. */
export function openSqlGraph(postgres: Postgres): GraphStore {
  const ask = <T>(signal: AbortSignal | undefined, work: (db: Database) => Promise<T>) =>
    postgres.read(projectorContext('graph', signal), work)
  return {
    related: (ownerId, conceptIds, options, signal) =>
      ask(signal, (db) => db.query<RelatedConcept>(RELATED, relatedValues(ownerId, conceptIds, options))),

    neighborhood: (ownerId, conceptId, { depth, minStrength, limit }, signal) =>
      ask(signal, async (db) => {
        const [found] = await db.query<{ ids: string[] | null }>(NEIGHBORHOOD, [
          ownerId,
          conceptId,
          depth,
          minStrength,
          limit,
        ])
        const conceptIds = found?.ids ?? []
        const links = await db.query<GraphLink>(LINKS, [ownerId, conceptIds, minStrength])
        return { conceptIds, links }
      }),

    path: (ownerId, from, to, maxDepth, signal) =>
      ask(signal, async (db) => {
        if (from === to) return []
        const links = await db.query<GraphLink>(PATH, [ownerId, from, to, maxDepth])
        return links.length === 0 ? null : links
      }),

    health: () =>
      ask(undefined, (db) => db.query('SELECT 1')).then(
        () => true,
        () => false,
      ),
  }
}

function relatedValues(ownerId: string, conceptIds: readonly string[], options: RelatedOptions): unknown[] {
  const { minStrength, type, limit, after } = options
  return [ownerId, conceptIds, minStrength, type, limit, after?.strength ?? null, after?.id ?? null]
}

/** Strength 0 means that two concepts meet no more often than by chance: that is no relation. */
const RELATED = `SELECT wanted.id AS "conceptId", found.target_id AS "relatedId", found.type, found.strength, found.support
FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place)
CROSS JOIN LATERAL (
  SELECT target_id, type, strength, support FROM knowledge.strengths
  WHERE owner_id = $1 AND source_id = wanted.id AND strength > 0 AND strength >= $3
    AND ($4::text IS NULL OR type = $4)
    AND ($6::float8 IS NULL OR strength < $6 OR (strength = $6 AND target_id > $7::uuid))
  ORDER BY strength DESC, target_id LIMIT $5
) AS found
ORDER BY wanted.place, found.strength DESC, found.target_id`

/**
 * Breadth first, a level a turn, and no further than asked for. A row of the recursion is a whole level: the concepts
 * found by it with the strength of the best way to each (the product of its links), and all that were found before.
 */
const NEIGHBORHOOD = `WITH RECURSIVE walk (depth, ids, weights, seen) AS (
  SELECT 0, ARRAY[id], ARRAY[1::float8], ARRAY[id] FROM knowledge.concepts WHERE id = $2 AND owner_id = $1
  UNION ALL
  SELECT walk.depth + 1, level.ids, level.weights, walk.seen || level.ids
  FROM walk CROSS JOIN LATERAL (
    SELECT array_agg(id ORDER BY weight DESC, id) AS ids, array_agg(weight ORDER BY weight DESC, id) AS weights
    FROM (
      SELECT link.target_id AS id, max(node.weight * link.strength) AS weight
      FROM unnest(walk.ids, walk.weights) AS node (id, weight)
      JOIN knowledge.strengths AS link ON link.source_id = node.id
      WHERE link.owner_id = $1 AND link.strength > 0 AND link.strength >= $4 AND link.target_id <> ALL (walk.seen)
      GROUP BY link.target_id ORDER BY weight DESC, id LIMIT $5 - cardinality(walk.seen)
    ) AS nearest
  ) AS level
  WHERE walk.depth < $3 AND cardinality(walk.seen) < $5 AND level.ids IS NOT NULL
)
SELECT seen AS ids FROM walk ORDER BY depth DESC LIMIT 1`

/** Each relation once, from the concept nearer to the beginning of the list. */
const LINKS = `SELECT near.id AS from, far.id AS to, link.type, link.strength
FROM unnest($2::uuid[]) WITH ORDINALITY AS near (id, place)
JOIN knowledge.strengths AS link ON link.source_id = near.id
JOIN unnest($2::uuid[]) WITH ORDINALITY AS far (id, place) ON far.id = link.target_id AND far.place > near.place
WHERE link.owner_id = $1 AND link.strength > 0 AND link.strength >= $3
ORDER BY near.place, far.place, link.type`

/**
 * Breadth first as above, until the goal is met; then back from the goal, at each level over the link that ends the
 * strongest way.
 */
const PATH = `WITH RECURSIVE walk (depth, ids, weights, seen) AS (
  SELECT 0, ARRAY[id], ARRAY[1::float8], ARRAY[id] FROM knowledge.concepts WHERE id = $2 AND owner_id = $1
  UNION ALL
  SELECT walk.depth + 1, level.ids, level.weights, walk.seen || level.ids
  FROM walk CROSS JOIN LATERAL (
    SELECT array_agg(id) AS ids, array_agg(weight) AS weights
    FROM (
      SELECT link.target_id AS id, max(node.weight * link.strength) AS weight
      FROM unnest(walk.ids, walk.weights) AS node (id, weight)
      JOIN knowledge.strengths AS link ON link.source_id = node.id
      WHERE link.owner_id = $1 AND link.strength > 0
        AND NOT EXISTS (SELECT FROM unnest(walk.seen) AS known (id) WHERE known.id = link.target_id)
      GROUP BY link.target_id
    ) AS next
  ) AS level
  WHERE walk.depth < $4 AND $3 <> ALL (walk.ids) AND level.ids IS NOT NULL
), back (depth, source, target, type, strength) AS (
  SELECT walk.depth, NULL::uuid, $3::uuid, NULL::text, NULL::float8 FROM walk WHERE $3 = ANY (walk.ids)
  UNION ALL
  SELECT best.depth, best.id, best.back, best.type, best.strength FROM back CROSS JOIN LATERAL (
    SELECT walk.depth, node.id, coalesce(back.source, back.target) AS back, link.type, link.strength
    FROM walk CROSS JOIN unnest(walk.ids, walk.weights) AS node (id, weight)
    JOIN knowledge.strengths AS link
      ON link.source_id = node.id AND link.target_id = coalesce(back.source, back.target)
    WHERE walk.depth = back.depth - 1 AND link.owner_id = $1 AND link.strength > 0
    ORDER BY node.weight * link.strength DESC, node.id, link.type LIMIT 1
  ) AS best
)
SELECT source AS from, target AS to, type, strength FROM back WHERE source IS NOT NULL ORDER BY depth`
