/** Something written that the server has not acknowledged yet. Its key makes sending it again harmless. */
export interface Draft {
  readonly key: string
  readonly content: string
}

const outboxKey = 'memory-board outbox'

/** What is written while there is no connection; it outlives the page. */
export function loadOutbox(): readonly Draft[] {
  return JSON.parse(localStorage.getItem(outboxKey) ?? '[]')
}

export function keepOutbox(drafts: readonly Draft[]): void {
  localStorage.setItem(outboxKey, JSON.stringify(drafts))
}
