import { randomUUID } from 'node:crypto'
import { projectorContext } from './log/log.ts'
import type { Postgres } from './postgres/postgres.ts'

/** How long a holder that died keeps others out. Milliseconds. */
const leaseMs = 15_000
/** A holder renews so often in that time that two renewals may fail before it loses its lease. */
const renewals = 3

/** The right to do one background job, for as long as it is renewed. */
export interface Lease {
  /** Aborts when the lease is lost: another process may do the job from then on. */
  readonly lost: AbortSignal
  /** Lets the next one have it at once. */
  release(): Promise<void>
}

/** Sees to it that of several processes one at a time does a job. Held in PostgreSQL, by its clock. */
export interface Leases {
  /** Null while another process holds the lease of this name. */
  acquire(name: string): Promise<Lease | null>
}

export interface LeaseOptions {
  /** Milliseconds that a lease lasts unless it is renewed; it is renewed three times in that time. */
  readonly leaseMs?: number
}

export function openLeases(postgres: Postgres, options: LeaseOptions = {}): Leases {
  const lasts = options.leaseMs ?? leaseMs
  return {
    async acquire(name) {
      const holder = randomUUID()
      const asked = performance.now()
      if (!(await take(postgres, name, holder, lasts))) return null
      return keep(postgres, name, holder, { until: asked + lasts, lasts })
    },
  }
}

/** Takes or renews a lease; false when another has it. */
async function take(postgres: Postgres, name: string, holder: string, lasts: number): Promise<boolean> {
  const rows = await postgres.write(projectorContext(`lease ${name}`), (tx) =>
    tx.query(
      `INSERT INTO app.leases (name, holder, held_until)
       VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
       WHERE leases.holder = excluded.holder OR leases.held_until < clock_timestamp()
       RETURNING name`,
      [name, holder, lasts / 1000],
    ),
  )
  return rows.length > 0
}

interface Times {
  /** When the lease ends if nothing is heard of the database, by this process's monotonic clock. */
  until: number
  readonly lasts: number
}

function keep(postgres: Postgres, name: string, holder: string, times: Times): Lease {
  const lost = new AbortController()
  let renewing: Promise<void> = Promise.resolve()
  const renew = async () => {
    const asked = performance.now()
    try {
      if (await take(postgres, name, holder, times.lasts)) times.until = asked + times.lasts
      else lose()
    } catch {
      // The database may be away for a moment; what is not renewed in time ends by itself.
    }
  }
  const timer = setInterval(() => {
    if (performance.now() >= times.until) lose()
    else renewing = renew()
  }, times.lasts / renewals)
  timer.unref()
  function lose(): void {
    clearInterval(timer)
    lost.abort(new Error(`the lease ${name} is lost`))
  }
  return {
    lost: lost.signal,
    async release() {
      clearInterval(timer)
      await renewing
      // A database that is away cannot be told; the lease then ends by itself.
      await give(postgres, name, holder).catch(() => {})
    },
  }
}

async function give(postgres: Postgres, name: string, holder: string): Promise<void> {
  await postgres.write(projectorContext(`lease ${name}`), (tx) =>
    tx.query('DELETE FROM app.leases WHERE name = $1 AND holder = $2', [name, holder]),
  )
}
