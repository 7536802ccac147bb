import { createServer, type Server, type Socket } from 'node:net'
import { errorMessage, errorResponse, type Frame, FrameReader, leavesIdle, namedParses, SYNC } from './wire.ts'

/** A PostgreSQL backend that answers whole protocol flights at once: PGlite, in production use. */
export interface Backend {
  /** Answers complete frontend messages that end where the server must reply (Sync, Query or Flush). */
  execute(messages: Uint8Array): Promise<Uint8Array>
  /** The reply to a start-up message: authentication, parameters, backend key, ready. */
  readonly greeting: Uint8Array
}

/** Who owns the cluster: PGlite's one superuser. */
const OWNER = 'postgres'

interface Session {
  readonly socket: Socket
  readonly frames: FrameReader
  readonly waiting: Uint8Array[]
  /** Its named statements: the messages that prepared them. */
  readonly prepared: Map<string, Uint8Array>
  user: string | null
  open: boolean
}

/**
 * Serves one single-session backend to several PostgreSQL connections on a unix socket.
 *
 * A connection owns the backend while it has a transaction open, and gives it back when it is idle, so that no
 * other connection's statement can slip into a transaction. When a connection of another user takes its turn, and when
 * one has ended, the session is reset (`DISCARD ALL`) and given that user, so nothing but rows passes between users.
 * Named statements are each connection's own: they are prepared again when it has its turn after another. Connections of
 * one user without such share the session's settings. A connection that dies in the middle of a transaction has it
 * rolled back.
 */
export class WireServer {
  readonly #backend: Backend
  readonly #server: Server
  readonly #sessions = new Set<Session>()
  #current: Session | null = null
  #inTransaction = false
  #turn: Promise<void> | null = null
  #errands: (() => Promise<void>)[] = []

  constructor(backend: Backend) {
    this.#backend = backend
    this.#server = createServer((socket) => this.#accept(socket))
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, () => resolve())
    })
  }

  /** Ends every connection, waits for the statement that runs and rolls back what is open. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const session of this.#sessions) session.socket.destroy()
    await closed
    await this.#turn
    await this.#rollBack()
  }

  /** Runs work of the server's own, as superuser, between two transactions. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#errands.push(() => work().then(resolve, reject))
      this.#schedule()
    })
  }

  #accept(socket: Socket): void {
    const session: Session = {
      socket,
      frames: new FrameReader(),
      waiting: [],
      prepared: new Map(),
      user: null,
      open: true,
    }
    this.#sessions.add(session)
    socket.on('data', (data) => this.#receive(session, data as Buffer))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#leave(session))
  }

  #leave(session: Session): void {
    session.open = false
    session.waiting.length = 0
    this.#sessions.delete(session)
    if (this.#current === session && !this.#inTransaction) this.#current = null
    this.#schedule()
  }

  #receive(session: Session, data: Buffer): void {
    try {
      for (const frame of session.frames.push(data)) this.#handle(session, frame)
    } catch (error) {
      session.waiting.length = 0
      session.socket.end(errorResponse('08P01', (error as Error).message, 'FATAL'))
    }
    this.#schedule()
  }

  #handle(session: Session, frame: Frame): void {
    switch (frame.kind) {
      case 'encryption':
        session.socket.write('N')
        break
      case 'startup':
        session.user = frame.user
        session.socket.write(this.#backend.greeting)
        break
      case 'terminate':
        session.socket.end()
        break
      case 'flight':
        session.waiting.push(frame.messages)
        break
      // The backend runs on this very thread: when a cancel request is read, nothing is running that it could stop.
      case 'cancel':
        session.socket.end()
        break
    }
  }

  /** One turn at a time: the backend has one session. */
  #schedule(): void {
    if (this.#turn || !this.#isWanted()) return
    this.#turn = this.#takeTurn().finally(() => {
      this.#turn = null
      this.#schedule()
    })
  }

  #isWanted(): boolean {
    return this.#isOrphaned() || this.#hasErrand() || this.#next() !== null
  }

  /** Its connection died in the middle of the transaction. */
  #isOrphaned(): boolean {
    return this.#inTransaction && this.#current?.open !== true
  }

  #hasErrand(): boolean {
    return !this.#inTransaction && this.#errands.length > 0
  }

  #next(): Session | null {
    if (this.#inTransaction) return this.#current?.waiting.length ? this.#current : null
    for (const session of this.#sessions) if (session.waiting.length > 0) return session
    return null
  }

  async #takeTurn(): Promise<void> {
    // Lets everything that has arrived be read first, so that a turn answers as much as it can.
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#isOrphaned()) await this.#rollBack()
    if (this.#hasErrand()) await this.#runErrand()
    const session = this.#next()
    if (session) await this.#serve(session)
  }

  async #serve(session: Session): Promise<void> {
    // Move to the back of the line, so that a busy connection cannot starve the others.
    if (this.#sessions.delete(session)) this.#sessions.add(session)
    session.socket.cork()
    try {
      if (this.#mustReset(session)) await this.#handOver(session)
      this.#current = session
      for (let flight = session.waiting.shift(); flight; flight = session.waiting.shift()) {
        const answer = await this.#backend.execute(flight)
        for (const [name, parse] of namedParses(flight)) session.prepared.set(name, parse)
        this.#inTransaction = !leavesIdle(answer)
        session.socket.write(answer)
      }
    } catch (error) {
      session.waiting.length = 0
      session.socket.end(errorResponse('57P02', (error as Error).message, 'FATAL'))
    }
    session.socket.uncork()
  }

  #mustReset(session: Session): boolean {
    const current = this.#current
    if (current === session) return false
    return current?.user !== session.user || current.prepared.size + session.prepared.size > 0
  }

  /** As superuser and back: what the connection whose turn it was has prepared stays. */
  async #runErrand(): Promise<void> {
    const interrupted = this.#current
    this.#current = null
    await this.#simple('RESET ALL')
    await this.#become(OWNER)
    await this.#errands.shift()?.()
    if (interrupted?.open !== true) return
    await this.#become(interrupted.user ?? '')
    this.#current = interrupted
  }

  /** Nobody's turn while it is handed over: a session whose user is refused must not be served as another. */
  async #handOver(session: Session): Promise<void> {
    this.#current = null
    await this.#simple('DISCARD ALL')
    await this.#become(OWNER)
    // By the owner, since the login may look into no schema: a statement is judged anew by whoever executes it.
    for (const parse of session.prepared.values()) await this.#backend.execute(Buffer.concat([parse, SYNC]))
    await this.#become(session.user ?? '')
    this.#current = session
  }

  #become(user: string): Promise<void> {
    return this.#simple(`SET SESSION AUTHORIZATION "${user.replaceAll('"', '""')}"`)
  }

  async #rollBack(): Promise<void> {
    if (!this.#inTransaction) return
    this.#inTransaction = false
    this.#current = null
    await this.#simple('ROLLBACK')
  }

  async #simple(sql: string): Promise<void> {
    const body = Buffer.from(`${sql}\0`)
    const message = Buffer.alloc(5 + body.length)
    message.write('Q')
    message.writeInt32BE(4 + body.length, 1)
    body.copy(message, 5)
    const answer = await this.#backend.execute(message)
    const error = errorMessage(answer)
    if (error) throw new Error(error)
  }
}
