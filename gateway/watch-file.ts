import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Editors and deployments write a file in several steps; this long after the last one it is read. */
const settleMs = 100

/**
 * Calls when a file has changed. It watches the folder, not the file: a file that is replaced by renaming, as
 * Kubernetes and editors do, is another file afterwards. Call what it returns to stop.
 */
export function watchFile(file: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(dirname(file), (_event, name) => {
    // Kubernetes swaps a link `..data` beside the file that its own link points through.
    if (name !== null && name !== basename(file) && name !== '..data') return
    clearTimeout(timer)
    timer = setTimeout(onChange, settleMs)
  })
  watcher.unref()
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
