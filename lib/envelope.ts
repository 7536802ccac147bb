import { createHash, randomBytes, sign, verify } from 'node:crypto'
import { z } from 'zod'
import type { Peer, Viewer } from './context.ts'
import type { Clock } from './sources.ts'
import type { SigningKey, VerifyingKey } from './tokens.ts'
import type { RemoteSpan } from './trace.ts'

/** The header of a gateway's request to a room that carries the envelope. */
export const envelopeHeader = 'x-mnemograph-envelope'

/** How long an envelope is good. */
const lifetimeMs = 60_000
/** How far the gateway's clock may be ahead. */
const skewMs = 5_000
/** Bounds the memory for nonces; beyond it requests are refused rather than let through unchecked. */
const nonceLimit = 200_000
/** Keeps a signature made for another purpose with the same key from passing for an envelope. */
const purpose = 'mnemograph-envelope-v1\n'

/** The request that an envelope vouches for. */
export interface EnvelopedRequest {
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
  /** The room it is meant for, so that one room cannot pass a request on to another. */
  readonly audience: string
}

/** What the gateway says of a request. */
export interface EnvelopeClaims {
  readonly viewer: Viewer | null
  readonly traceId: string
  /** The gateway's span that the room's work is part of. */
  readonly span?: RemoteSpan | undefined
  /** Milliseconds since the epoch after which no work may go on. */
  readonly deadline: number
  /** The cursor that a reconnecting stream goes on from. */
  readonly resumeAfter?: string
  readonly peer?: Peer
}

const viewerSchema = z.object({
  userId: z.string(),
  tenantId: z.string(),
  sessionId: z.string(),
  role: z.enum(['ADMIN', 'ANALYST', 'MEMBER', 'SERVICE']),
  scopes: z.array(z.string()),
})
const payloadSchema = z.object({
  method: z.string(),
  path: z.string(),
  bodyHash: z.string(),
  audience: z.string(),
  issuedAt: z.number(),
  nonce: z.string(),
  viewer: viewerSchema.nullable(),
  traceId: z.string(),
  span: z.object({ id: z.string(), sampled: z.boolean() }).exactOptional(),
  deadline: z.number(),
  resumeAfter: z.string().exactOptional(),
  peer: z.object({ address: z.string(), agent: z.string().nullable() }).exactOptional(),
})

/** Vouches for one request with Ed25519; the text goes into the envelope header. */
export function sealEnvelope(
  request: EnvelopedRequest,
  claims: EnvelopeClaims,
  key: Pick<SigningKey, 'privateKey'>,
  clock: Clock,
): string {
  const payload: z.infer<typeof payloadSchema> = {
    method: request.method,
    path: request.path,
    bodyHash: hash(request.body),
    audience: request.audience,
    issuedAt: clock.now().getTime(),
    nonce: randomBytes(12).toString('base64url'),
    viewer: claims.viewer === null ? null : { ...claims.viewer, scopes: [...claims.viewer.scopes] },
    traceId: claims.traceId,
    ...(claims.span === undefined ? {} : { span: { id: claims.span.id, sampled: claims.span.sampled } }),
    deadline: claims.deadline,
    ...(claims.resumeAfter === undefined ? {} : { resumeAfter: claims.resumeAfter }),
    ...(claims.peer === undefined ? {} : { peer: claims.peer }),
  }
  const encoded = Buffer.from(JSON.stringify(payload)).toString('base64url')
  return `${encoded}.${sign(null, signedBytes(encoded), key.privateKey).toString('base64url')}`
}

/** Opens envelopes for one room and remembers their nonces, so that none is taken twice. */
export class EnvelopeReader {
  readonly #nonces = new Map<string, number>()
  readonly #keys: readonly VerifyingKey[]
  readonly #clock: Clock

  /** @param keys of the gateway: the one that it signs with, and those that it did or will. */
  constructor(keys: readonly VerifyingKey[], clock: Clock) {
    this.#keys = keys
    this.#clock = clock
  }

  /** The claims, or an error that says what is wrong: for the log, while the sender only learns of a refusal. */
  open(text: string, request: EnvelopedRequest): EnvelopeClaims {
    const payload = this.#verified(text)
    const now = this.#clock.now().getTime()
    const age = now - payload.issuedAt
    if (age > lifetimeMs || age < -skewMs) throw new Error('envelope is too old, or from the future')
    if (payload.audience !== request.audience) throw new Error('envelope is for another room')
    if (payload.method !== request.method || payload.path !== request.path)
      throw new Error('envelope is for another path')
    if (payload.bodyHash !== hash(request.body)) throw new Error('envelope is for another body')
    this.#spend(payload, now)
    const { viewer, traceId, span, deadline, resumeAfter, peer } = payload
    return {
      viewer,
      traceId,
      span,
      deadline,
      ...(resumeAfter === undefined ? {} : { resumeAfter }),
      ...(peer === undefined ? {} : { peer }),
    }
  }

  #verified(text: string): z.infer<typeof payloadSchema> {
    const [encoded, signature, ...rest] = text.split('.')
    if (!encoded || !signature || rest.length > 0) throw new Error('envelope is malformed')
    const [signed, by] = [signedBytes(encoded), Buffer.from(signature, 'base64url')]
    if (!this.#keys.some(({ publicKey }) => verify(null, signed, publicKey, by))) {
      throw new Error('envelope has a wrong signature')
    }
    return payloadSchema.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')))
  }

  #spend({ nonce, issuedAt }: { nonce: string; issuedAt: number }, now: number): void {
    if (this.#nonces.has(nonce)) throw new Error('envelope was used before')
    // Insertion order is about time order, so what has expired stands first.
    for (const [old, goodUntil] of this.#nonces) {
      if (goodUntil >= now) break
      this.#nonces.delete(old)
    }
    if (this.#nonces.size >= nonceLimit) throw new Error('too many envelopes within the replay window')
    this.#nonces.set(nonce, issuedAt + lifetimeMs)
  }
}

function signedBytes(encoded: string): Buffer {
  return Buffer.from(purpose + encoded)
}

function hash(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url')
}
