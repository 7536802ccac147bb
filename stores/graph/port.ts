/** A relation between two concepts of one owner, with its strength above 0 to 1. */
export interface GraphLink {
  readonly from: string
  readonly to: string
  readonly type: string
  readonly strength: number
}

/** A concept's relation seen from that concept. */
export interface RelatedConcept {
  readonly conceptId: string
  readonly relatedId: string
  readonly type: string
  readonly strength: number
  readonly support: number
}

export interface RelatedOptions {
  readonly minStrength: number
  readonly type: string | null
  readonly limit: number
  /** Only what comes after this in the order (strength descending, id). */
  readonly after: { readonly strength: number; readonly id: string } | null
}

/**
 * Walks over the knowledge graph. The owner is part of every question: a store without row-level security has no other
 * fence, and ids it answers are read again under the viewer's own rights.
 */
export interface GraphStore {
  /** What each concept relates to, the strongest first; one round trip for all of them. */
  related(
    ownerId: string,
    conceptIds: readonly string[],
    options: RelatedOptions,
    signal?: AbortSignal,
  ): Promise<RelatedConcept[]>
  /**
   * The concepts within `depth` relations, the nearest first and of equally near ones the strongest, the concept itself
   * before all; and the relations among them, each once. Nothing when the concept is not there.
   */
  neighborhood(
    ownerId: string,
    conceptId: string,
    options: { readonly depth: number; readonly minStrength: number; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<{ readonly conceptIds: readonly string[]; readonly links: readonly GraphLink[] }>
  /**
   * A shortest way, the strongest among equals (by the product of its links); no links from a concept to itself, `null`
   * when there is no way within `maxDepth`.
   */
  path(
    ownerId: string,
    from: string,
    to: string,
    maxDepth: number,
    signal?: AbortSignal,
  ): Promise<readonly GraphLink[] | null>
  health(): Promise<boolean>
}
