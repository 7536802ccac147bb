/** Answers worth keeping for a while. Losing an entry costs time, never truth. */
export interface Cache {
  /** @param tenantId part of the key, so that no tenant reads what another's request left. */
  get<T>(tenantId: string, key: string): Promise<T | undefined>
  /** @param seconds how long the value may be used. */
  set<T>(tenantId: string, key: string, value: T, seconds: number): Promise<void>
  delete(tenantId: string, key: string): Promise<void>
  /** Removes every entry of every tenant. */
  clear(): Promise<void>
  close(): Promise<void>
}
