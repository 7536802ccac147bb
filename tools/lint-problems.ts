import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { Kind, parse } from 'graphql'

// A problem that a mutation's result does not know becomes an internal error: whatever a service can answer with is a
// member of the union of each mutation that reaches it. What it reaches is read from the names in the sources, so the
// answer errs towards more. A batch names the problems of its items inside `BatchRejected`.

const root = join(import.meta.dirname, '..')
/** What a mutation reaches and never answers with, and why. */
const elsewhere = new Map([
  ['storeSecret Conflict', 'without an idempotency key there is none'],
  ['revealSecret Conflict', 'without an idempotency key there is none'],
  ['syncMemory Forbidden', 'what goes wrong once it is taken up is told in the sync'],
])
const makers: Readonly<Record<string, string>> = {
  invalidInput: 'InvalidInput',
  notFound: 'NotFound',
  conflict: 'Conflict',
  limitExceeded: 'LimitExceeded',
  forbidden: 'Forbidden',
}
const declaration = /^(?:export )?(?:default )?(?:async )?(?:function\*?|const|let|class) (\w+)/
const imported = /^import (?!type)[^'"]*?from '(\.[^']+)'/gms

interface Origin {
  readonly file: string
  readonly name: string | null
}

interface Source {
  /** The text of each thing that the file declares. */
  readonly declared: ReadonlyMap<string, string>
  /** Names from elsewhere: the file, and the name there; none for a whole module. */
  readonly imports: ReadonlyMap<string, Origin>
}

const sources = new Map<string, Source>()
const unions = new Map<string, ReadonlySet<string>>()
const results = new Map<string, string>()
for (const file of globSync('subgraphs/*/**/*.graphql', { cwd: root }))
  readSchema(readFileSync(join(root, file), 'utf8'))

const found = globSync('subgraphs/*/**/*resolvers.ts', { cwd: root }).flatMap((file) =>
  [...mutationsIn(readFileSync(join(root, file), 'utf8'))].map(([name, text]) => ({ name, file, text })),
)
const lacks = found.flatMap(({ name, file, text }) => {
  const members = unions.get(results.get(name) ?? '')
  const missing = [...problemsOf(file, text)].filter((problem) => members && !covers(members, problem))
  return missing
    .filter((problem) => !elsewhere.has(`${name} ${problem}`))
    .map((problem) => `${results.get(name)} lacks ${problem}, which ${name} can answer with`)
})
for (const lack of lacks) console.error(lack)
const unread = [...results.keys()].filter((name) => !found.some((mutation) => mutation.name === name))
for (const name of unread) console.error(`no resolver of ${name} was found`)
console.log(`${found.length} mutations, ${lacks.length} problems that their results lack`)
process.exitCode = lacks.length + unread.length === 0 ? 0 : 1

function covers(members: ReadonlySet<string>, problem: string): boolean {
  return members.has(problem) || (members.has('BatchRejected') && problem !== 'Conflict')
}

function readSchema(text: string): void {
  for (const node of parse(text).definitions) {
    if (node.kind === Kind.UNION_TYPE_DEFINITION) {
      unions.set(node.name.value, new Set(node.types?.map((type) => type.name.value)))
    }
    const isObject = node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.OBJECT_TYPE_EXTENSION
    if (!isObject || node.name.value !== 'Mutation') continue
    for (const { name, type } of node.fields ?? []) {
      const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type
      if (inner.kind === Kind.NAMED_TYPE) results.set(name.value, inner.name.value)
    }
  }
}

/** The resolvers of mutations in a file, each with its text. */
function mutationsIn(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const { index, 0: opening } of text.matchAll(/^ {2}Mutation: \{/gm)) {
    const start = index + opening.length
    const end = text.startsWith('\n', start) ? text.indexOf('\n  },', start) : text.indexOf('\n', start)
    const block = text.slice(start, end)
    const names = [...block.matchAll(/(?:^ {4}|^ |[{,] )(?:async )?(\w+)(?::|\()/gm)]
    names.forEach((match, i) => {
      found.set(match[1] ?? '', block.slice(match.index, names[i + 1]?.index))
    })
  }
  return found
}

/** The problems made in whatever a text names, there and on. */
function problemsOf(file: string, text: string): Set<string> {
  const problems = new Set<string>()
  const seen = new Set<string>()
  const visit = (file: string, text: string): void => {
    const { declared, imports } = read(file)
    for (const [word] of text.matchAll(/(?<![.\w])\w+(?:\.\w+)?/g)) {
      const [name = '', member = ''] = word.split('.')
      const from = imports.get(name)
      if (from) go(from.file, from.name ?? member)
      else if (declared.has(name)) go(file, name)
    }
  }
  const go = (file: string, name: string): void => {
    if (file === 'lib/problems.ts' && makers[name]) problems.add(makers[name])
    if (seen.has(`${file} ${name}`)) return
    seen.add(`${file} ${name}`)
    const text = read(file).declared.get(name)
    if (text !== undefined) visit(file, text)
  }
  visit(file, text)
  return problems
}

function read(file: string): Source {
  const known = sources.get(file)
  if (known) return known
  const text = file.endsWith('.ts') ? readFileSync(join(root, file), 'utf8') : ''
  const declared = new Map<string, string>()
  for (const part of text.split(/^(?=(?:export |async |function|const|let|class))/m)) {
    const name = declaration.exec(part)?.[1]
    if (name) declared.set(name, part)
  }
  const imports = new Map([...text.matchAll(imported)].flatMap(([line, path = '']) => namesIn(line, file, path)))
  const source = { declared, imports }
  sources.set(file, source)
  return source
}

function namesIn(line: string, from: string, path: string): [string, Origin][] {
  const file = normalize(join(dirname(from), path))
  const whole = /^import \* as (\w+)/.exec(line)?.[1]
  if (whole) return [[whole, { file, name: null }]]
  const list = /\{([^}]*)\}/s.exec(line)?.[1] ?? ''
  return list.split(',').flatMap((item) => {
    const [name = '', alias = name] = item.trim().split(' as ')
    return name === '' || name.startsWith('type ') ? [] : [[alias, { file, name }]]
  })
}
