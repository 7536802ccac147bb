import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { type ObjectStore, objectOwner, objectPath } from './port.ts'

/** What is being written has a name that no object can have. */
const drafts = '.drafts'
const draftLifeMs = 24 * 60 * 60 * 1000

/** Objects as files: `ROOT/<owner>/<name>`, readable by the server's own user alone. */
export async function openObjectDirectory(root: string): Promise<ObjectStore> {
  await mkdir(join(root, drafts), { recursive: true, mode: 0o700 })
  await clear(join(root, drafts))
  const fileOf = (ownerId: string, name: string) => join(root, ...objectPath(ownerId, name))

  async function list(ownerId: string, prefix = '', before?: Date): Promise<string[]> {
    const home = join(root, objectOwner(ownerId))
    const entries = await missingAs([], readdir(home, { recursive: true, withFileTypes: true }))
    const files = entries.filter((entry) => entry.isFile())
    const names = files.map((file) => relative(home, join(file.parentPath, file.name)).replaceAll(sep, '/'))
    const asked = names.filter((name) => name.startsWith(prefix)).sort()
    return before ? putBefore(home, asked, before) : asked
  }

  return {
    async put(ownerId, name, body) {
      const file = fileOf(ownerId, name)
      const draft = join(root, drafts, randomUUID())
      try {
        const size = await write(draft, body)
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        await rename(draft, file)
        return size
      } catch (error) {
        await rm(draft, { force: true })
        throw error
      }
    },
    async get(ownerId, name) {
      const file = await missingAs(null, open(fileOf(ownerId, name)))
      return file && createReadStream('', { fd: file })
    },
    list,
    async remove(ownerId, name) {
      return missingAs(
        false,
        rm(fileOf(ownerId, name)).then(() => true),
      )
    },
    async removeAll(ownerId) {
      const names = await list(ownerId)
      await rm(join(root, objectOwner(ownerId)), { recursive: true, force: true })
      return names.length
    },
    async health() {
      return missingAs(
        false,
        access(join(root, drafts)).then(() => true),
      )
    },
  }
}

/** What a process that died left half written; what is younger may be another's that is at work. */
async function clear(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > draftLifeMs) await rm(path, { force: true })
  }
}

async function putBefore(home: string, names: readonly string[], moment: Date): Promise<string[]> {
  const old: string[] = []
  for (const name of names) {
    const found = await missingAs(null, stat(join(home, name)))
    if (found && found.mtime < moment) old.push(name)
  }
  return old
}

/** Writes and syncs, so that what is acknowledged survives a loss of power. */
async function write(path: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const file: FileHandle = await open(path, 'wx', 0o600)
  try {
    let size = 0
    for await (const chunk of body) {
      await file.writeFile(chunk)
      size += chunk.length
    }
    await file.sync()
    return size
  } finally {
    await file.close()
  }
}

/** What to answer when there is no such file; a folder in the file's place is none either. */
async function missingAs<T, D>(absent: D, work: Promise<T>): Promise<T | D> {
  try {
    return await work
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return absent
    throw error
  }
}
