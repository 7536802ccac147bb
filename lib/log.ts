import { destination, type Logger, pino } from 'pino'

export type Log = Logger

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Fields that must never reach a log, wherever an object carries them. */
const secrets = [
  'authorization',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'totp',
  'deviceToken',
  'invitation',
  'ticket',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * JSON lines on standard error: standard output belongs to what a command prints, and to MCP over stdio. Written at
 * once, so that the last line before a crash is not lost.
 */
export function createLog(level: LogLevel): Log {
  return pino(
    { level, base: null, redact: { paths: secrets, censor: '[redacted]' } },
    destination({ fd: 2, sync: true }),
  )
}

/** A log that keeps nothing. */
export function silentLog(): Log {
  return pino({ level: 'silent' })
}
