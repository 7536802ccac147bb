import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

// Holds the walls of the house (docs/architecture.md): who may import whom.

const root = join(import.meta.dirname, '..')
const importPattern = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/g
const adapters =
  /^stores\/(vector|graph|bus|cache|encoder|limits)\/(?!port\.ts)|^stores\/postgres\/(pglite|server|embedded)\.ts$/

interface Rule {
  readonly says: string
  readonly broken: (from: string, to: string) => boolean
}

const rules: readonly Rule[] = [
  {
    says: 'a room never imports another room',
    broken: (from, to) => roomOf(from) !== null && roomOf(to) !== null && roomOf(from) !== roomOf(to),
  },
  {
    says: 'only stores/open.ts and stores/open-*.ts import the adapters of stores',
    broken: (from, to) => adapters.test(to) && !/^stores\/open(-\w+)?\.ts$/.test(from) && dirname(from) !== dirname(to),
  },
  {
    says: 'stores know nothing of rooms, gateway or commands',
    broken: (from, to) => from.startsWith('stores/') && /^(subgraphs|gateway|cli)\//.test(to),
  },
  {
    says: 'rooms know nothing of gateway or commands',
    broken: (from, to) => from.startsWith('subgraphs/') && /^(gateway|cli)\//.test(to),
  },
  {
    says: 'the gateway knows nothing of commands',
    broken: (from, to) => from.startsWith('gateway/') && to.startsWith('cli/'),
  },
  {
    says: 'the engine knows nothing of the edge, the guard or the rooms',
    broken: (from, to) => from.startsWith('gateway/engine/') && /^(gateway\/(edge|guard)|subgraphs|stores)\//.test(to),
  },
  { says: 'lib imports nothing but lib', broken: (from, to) => from.startsWith('lib/') && !to.startsWith('lib/') },
]

const files = globSync('{cli,gateway,subgraphs,stores,lib}/**/*.ts', {
  cwd: root,
  exclude: (name) => name.includes('node_modules'),
})
const breaches = files.flatMap(breachesOf)
for (const breach of breaches) console.error(breach)
console.log(`${files.length} files, ${breaches.length} imports through a wall`)
process.exitCode = breaches.length === 0 ? 0 : 1

function breachesOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(importPattern)].flatMap((match) => {
    const to = normalize(join(dirname(file), match[1] ?? match[2] ?? ''))
    return rules.filter((rule) => rule.broken(file, to)).map((rule) => `${file} imports ${to}: ${rule.says}`)
  })
}

function roomOf(file: string): string | null {
  return /^subgraphs\/([^/]+)\//.exec(file)?.[1] ?? null
}
