// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the faults are written as source text.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { type Fault, PlantedEngine } from '../kit/planted-engine.ts'

// The comparison of the property test is worth what it notices: each fault here is planted in a copy of the engine, and
// the same generated operations that find no difference without it must find one with it.

const faults: readonly Fault[] = [
  {
    name: 'entities are given out without regard to which were the same',
    file: 'execution.ts',
    text: 'let entity = answered[indexes[i] as number]',
    instead: 'let entity = answered[i]',
  },
  {
    name: 'errors of entities lose their index',
    file: 'execution.ts',
    text: 'this.errors.add([...(placed[index]?.get(target) ?? []), ...inside], known)',
    instead:
      'this.errors.add([...(placed[index]?.get(target) ?? []).filter((s) => typeof s === "string"), ...inside], known)',
  },
  {
    name: 'a null in an object that may not have it stays',
    file: 'compile/complete.ts',
    text: 'return fits ? `{${text.slice(1)}}` : undefined',
    instead: 'return `{${text.slice(1)}}`',
  },
  {
    name: 'a null in a list that may not have it stays',
    file: 'compile/complete.ts',
    text: "return fits ? `[${text.slice(1)}]` : 'null'",
    instead: 'return `[${text.slice(1)}]`',
  },
  {
    name: 'the fields of a mutation are planned together',
    file: 'step-planner.ts',
    text: "return all?.steps?.kind === 'root' ? all : planRoots(root, plan)",
    instead: 'return all ?? nothing',
  },
  {
    name: 'two aliases of one field with other arguments are one',
    file: 'place.ts',
    text: "const given = node.arguments?.length ? node.arguments.map(print).sort().join() : ''",
    instead: "const given = ''",
  },
  {
    name: '@skip is taken for @include',
    file: 'operation.ts',
    text: "if (value === (directive.name.value === 'skip')) return false",
    instead: "if (value === (directive.name.value === 'include')) return false",
  },
  {
    name: 'every entity is taken for the first one',
    file: 'execution.ts',
    text: 'this.indexes.push(index)',
    instead: 'this.indexes.push(0)',
  },
  {
    name: 'what was fetched under a name of its own is sent under that name',
    file: 'compile/wanted.ts',
    text: 'apply: (field) => ({ ...field, name: renameKeyTo })',
    instead: 'apply: (field) => field',
  },
  {
    name: 'values are read under the field’s own name',
    file: 'compile/shape.ts',
    text: 'return { responseKey, key: fetched.key, coordinate, shape: this.#shape(',
    instead: 'return { responseKey, key: node.name.value, coordinate, shape: this.#shape(',
  },
  {
    name: 'what a field requires is not sent along',
    file: 'fieldwise/planner.ts',
    text: 'const sets = [key, ...(resolution.requires ? [resolution.requires] : [])]',
    instead: 'const sets = [key]',
  },
]

const planted = new PlantedEngine()
afterAll(() => planted.remove())
const run = promisify(execFile)

async function look(graphs: number): Promise<string> {
  const program = join(planted.directory, 'tests/kit/look-for-differences.ts')
  const { stdout } = await run(process.execPath, [program, String(graphs)], { cwd: planted.directory })
  return stdout.trim()
}

test('the engine as it is gives no difference', async () => {
  expect(await look(20)).toBe('no difference')
}, 120_000)

test.each(faults)(
  '$name',
  async (fault) => {
    expect(await planted.with(fault, () => look(120))).toMatch(/^difference: /)
  },
  120_000,
)
