/** Who passkeys are made for (WebAuthn, §4): the domain that they belong to, and the origins whose pages may use them. */
export interface RelyingParty {
  /** A domain that is, or contains, that of every origin. */
  readonly id: string
  readonly origins: readonly string[]
}

/** The relying party of some origins: the first one's host, or a given domain above all of them. */
export function relyingPartyOf(origins: readonly string[], domain?: string): RelyingParty {
  return { id: domain ?? new URL(origins[0] ?? '').hostname, origins }
}
