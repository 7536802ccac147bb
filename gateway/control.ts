import { join } from 'node:path'

/** Where commands find the control socket of the server that holds a data directory. */
export function controlFile(data: string): string {
  return join(data, 'control')
}
