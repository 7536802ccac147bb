import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A fault put into the engine's source: one piece of text for another. */
export interface Fault {
  readonly name: string
  /** Below `gateway/engine`. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly text: string
  readonly instead: string
}

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A copy of the engine and of what tests it, outside the project, for faults to be planted in. */
export class PlantedEngine {
  readonly directory: string

  constructor() {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'planted-')))
    for (const part of ['gateway/engine', 'lib', 'tests/kit']) {
      cpSync(join(root, part), join(this.directory, part), { recursive: true })
    }
    cpSync(join(root, 'package.json'), join(this.directory, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(this.directory, 'node_modules'))
  }

  /**
   * Plants a fault for as long as something runs.
   * @throws Error when the text does not stand in the file once: the fault has to be written anew.
   */
  async with<T>({ name, file, text, instead }: Fault, run: () => Promise<T>): Promise<T> {
    const path = join(this.directory, 'gateway/engine', file)
    const source = readFileSync(path, 'utf8')
    const pieces = source.split(text)
    if (pieces.length !== 2)
      throw new Error(`The fault "${name}" finds its place ${pieces.length - 1} times in ${file}.`)
    writeFileSync(path, pieces.join(instead))
    try {
      return await run()
    } finally {
      writeFileSync(path, source)
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }
}
