import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { limits } from '../../subgraphs/memory/limits.ts'

test('the document lists every limit as the code has it', () => {
  const document = readFileSync(new URL('../../docs/memory.md', import.meta.url), 'utf8')
  const rows = [...document.matchAll(/^\| ([\d,]+) \| [^|]+ \| `(\w+)` \|$/gm)]
  expect(Object.fromEntries(rows.map(([, value = '', name]) => [name, Number(value.replaceAll(',', ''))]))).toEqual(
    limits,
  )
})
