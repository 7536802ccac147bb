import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { codedError } from './errors.ts'

/**
 * A place in the log of events: its epoch, then transaction id and sequence number, in the order in which they are
 * compared. The numbers are 64 bits wide.
 */
export interface Position {
  readonly epoch: number
  readonly xid: bigint
  readonly seq: bigint
}

export const logStart: Omit<Position, 'epoch'> = { xid: 0n, seq: 0n }

export function comparePositions(a: Position, b: Position): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch
  if (a.xid !== b.xid) return a.xid < b.xid ? -1 : 1
  return a.seq === b.seq ? 0 : a.seq < b.seq ? -1 : 1
}

const version = 1
const length = 1 + 4 + 8 + 8
const tagLength = 8

/** Event cursors of one system: each is bound to the viewer it was given to. */
export interface CursorCodec {
  encode(position: Position, userId: string): string
  /** @throws BAD_USER_INPUT for whatever this system did not give to this viewer. */
  decode(cursor: string, userId: string): Position
}

/** @param key the system's own secret: another system's cursors, and other viewers', do not pass. */
export function createCursorCodec(key: Uint8Array): CursorCodec {
  // Each answer to a mutation has a cursor: the key is made ready once.
  const secret = createSecretKey(key)
  const tag = (body: Buffer, userId: string) =>
    createHmac('sha256', secret).update(body).update(userId).digest().subarray(0, tagLength)
  return {
    encode(position, userId) {
      const body = Buffer.alloc(length)
      body.writeUInt8(version, 0)
      body.writeUInt32BE(position.epoch, 1)
      body.writeBigUInt64BE(position.xid, 5)
      body.writeBigUInt64BE(position.seq, 13)
      return Buffer.concat([body, tag(body, userId)]).toString('base64url')
    },
    decode(cursor, userId) {
      const bytes = Buffer.from(cursor, 'base64url')
      const body = bytes.subarray(0, length)
      if (bytes.length !== length + tagLength || !timingSafeEqual(bytes.subarray(length), tag(body, userId))) {
        throw codedError('BAD_USER_INPUT', 'That is not an event cursor of this viewer.')
      }
      return { epoch: body.readUInt32BE(1), xid: body.readBigUInt64BE(5), seq: body.readBigUInt64BE(13) }
    },
  }
}
