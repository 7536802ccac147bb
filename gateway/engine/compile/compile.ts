import type { FetchNodePathSegment, FetchRewrite, FlattenNodePathSegment } from '@graphql-hive/router-query-planner'
import type { EntityFetch, EntityPart, RootFetch, Step } from '../steps.ts'
import type { Supergraph } from '../supergraph.ts'
import { describePath, fieldsOf, generateWalk } from './collect.ts'
import { generateMerge, mergeObject, mergeValue, readFetchText } from './merge.ts'
import { generateProjection, writers } from './project.ts'
import { type GeneratedFunction, generateRepresent } from './representation.ts'
import { compileOutputRewrites, type OutputRewrite } from './rewrite.ts'
import type { Selection } from './shape.ts'
import { Names } from './source.ts'

/** A path in the answer, with type conditions. */
export type Path = readonly FlattenNodePathSegment[]
type Json = Record<string, unknown>

/** Where a walk reports what it finds. */
export interface Found {
  add(target: Json, representation: string): void
  /** The same for a type whose representation is one value: known values are found without writing their text. */
  addKeyed(target: Json, type: string, key: unknown, beginning: string): void
}

export type CompiledStep =
  | { readonly kind: 'sequence'; readonly steps: readonly CompiledStep[] }
  | { readonly kind: 'parallel'; readonly steps: readonly CompiledStep[] }
  | CompiledRootFetch
  | CompiledEntityFetch

export interface CompiledRootFetch extends RootFetch {
  /** Response keys of its operation, as the plan knows them. */
  readonly keys: readonly string[]
  readonly rewrite: OutputRewrite | undefined
  /** Finds the objects that the answer is merged into, when it is not the root. */
  readonly find: ((root: Json, found: Found) => void) | undefined
}

export interface CompiledEntityFetch extends Omit<EntityFetch, 'parts'> {
  readonly parts: readonly CompiledPart[]
}

export interface CompiledPart extends EntityPart {
  /** Finds the entities and writes their representations. */
  readonly collect: (root: Json, found: Found) => void
  readonly merge: (target: Json, entity: Json) => void
  readonly rewrite: OutputRewrite | undefined
  /** Whether later fetches fill objects inside its entities, so that two places must not share one. */
  readonly isFilledLater: boolean
}

/** What was generated for an operation. */
export interface Compiled {
  readonly primary: CompiledRootFetch | undefined
  readonly steps: CompiledStep | undefined
  /** Writes the response's data as JSON text; throws `unfit` when that takes errors. */
  readonly project: (data: Json) => string
  /** The generated JavaScript, for people to read. */
  readonly source: string
}

/** Generates the code of a plan and of its projection. */
export function compile(
  supergraph: Supergraph,
  primary: RootFetch | undefined,
  steps: Step | undefined,
  selection: Selection,
): Compiled {
  const generator = new Generator(supergraph, allPaths(steps))
  const projection = generateProjection(selection, generator.names)
  generator.export(projection)
  const compilePrimary = primary && generator.rootFetch(primary)
  const compileSteps = steps && generator.step(steps)
  const { functions, source } = generator.build()
  return {
    primary: compilePrimary?.(functions),
    steps: compileSteps?.(functions),
    project: functions(projection.name) as Compiled['project'],
    source,
  }
}

type Functions = (name: string) => unknown
/** What is known before the code is built, waiting for its functions. */
type Pending<T> = (functions: Functions) => T

class Generator {
  readonly names = new Names()
  readonly #supergraph: Supergraph
  readonly #paths: readonly Path[]
  readonly #sources: string[] = []
  readonly #exported: string[] = []

  constructor(supergraph: Supergraph, paths: readonly Path[]) {
    this.#supergraph = supergraph
    this.#paths = paths
  }

  step(step: Step): Pending<CompiledStep> {
    if (step.kind === 'root') return this.rootFetch(step)
    if (step.kind === 'entities') return this.#entityFetch(step)
    const pending = step.steps.map((inner) => this.step(inner))
    return (functions) => ({ kind: step.kind, steps: pending.map((build) => build(functions)) })
  }

  rootFetch(fetch: RootFetch): Pending<CompiledRootFetch> {
    const rewrite = compileOutputRewrites(this.#supergraph, fetch.outputRewrites)
    const keys = readFetchText(fetch.operation).rootKeys.map((key) => rewrite?.renamed(key) ?? key)
    const find = fetch.path.length > 0 ? this.#walk(fetch.path, "found.add(object, '')") : undefined
    return (functions) => ({
      ...fetch,
      keys,
      rewrite,
      find: find === undefined ? undefined : (functions(find) as NonNullable<CompiledRootFetch['find']>),
    })
  }

  #entityFetch(fetch: EntityFetch): Pending<CompiledEntityFetch> {
    const text = readFetchText(fetch.operation)
    const pending = fetch.parts.map((part) => this.#part(fetch, part, text.entityKeys(part.alias)))
    return (functions) => ({ ...fetch, parts: pending.map((build) => build(functions)) })
  }

  #part(fetch: EntityFetch, part: EntityPart, keys: ReadonlyMap<string, boolean>): Pending<CompiledPart> {
    const represent = generateRepresent(this.#supergraph, fetch.subgraph, part, this.names)
    this.#sources.push(represent.source)
    const walks = part.paths.map((path) => this.#walk(path, `${represent.name}(object, found)`))
    const collect = this.names.next('collect')
    const calls = walks.map((walk) => `  ${walk}(root, found)`)
    this.export({ name: collect, source: [`function ${collect}(root, found) {`, ...calls, '}'].join('\n') })
    const rewrite = compileOutputRewrites(
      this.#supergraph,
      part.outputRewrites.map((use) => fromEntity(use, part.alias)),
    )
    const merge = rewrite ? undefined : generateMerge(keys, this.names)
    if (merge) this.export(merge)
    const isFilledLater = this.#isFilledLater(part)
    return (functions) => ({
      ...part,
      collect: functions(collect) as CompiledPart['collect'],
      merge: merge ? (functions(merge.name) as CompiledPart['merge']) : mergeObject,
      rewrite,
      isFilledLater,
    })
  }

  #isFilledLater(part: EntityPart): boolean {
    const own = part.paths.map(fieldsOf)
    return this.#paths.some((path) => {
      const other = fieldsOf(path)
      return own.some((fields) => other.length > fields.length && fields.every((field, i) => field === other[i]))
    })
  }

  #walk(path: Path, visit: string): string {
    const walk = generateWalk(this.#supergraph, path, visit, this.names)
    this.export(walk)
    return walk.name
  }

  export({ name, source }: GeneratedFunction): void {
    this.#sources.push(source)
    this.#exported.push(name)
  }

  build(): { functions: Functions; source: string } {
    const helpers = { ...writers, mergeValue }
    const source = this.#sources.join('\n\n')
    const imports = `const { ${Object.keys(helpers).join(', ')} } = helpers`
    const body = `'use strict'\n${imports}\n\n${source}\n\nreturn { ${this.#exported.join(', ')} }`
    const built = new Function('helpers', body)(helpers) as Record<string, unknown>
    return { functions: (name) => built[name], source }
  }
}

/** A rewrite whose path begins at the entity rather than at the field that lists them. */
function fromEntity(rewrite: FetchRewrite, alias: string): FetchRewrite {
  const strip = (path: FetchNodePathSegment[]): FetchNodePathSegment[] => {
    const [first, ...rest] = path
    return first && 'Key' in first && (first.Key === '_entities' || first.Key === alias) ? rest : path
  }
  if ('KeyRenamer' in rewrite) {
    return { KeyRenamer: { ...rewrite.KeyRenamer, path: strip(rewrite.KeyRenamer.path) } }
  }
  const setter = 'ValueSetter' in rewrite ? rewrite.ValueSetter : rewrite
  return { ValueSetter: { path: strip(setter.path), setValueTo: setter.setValueTo } }
}

function allPaths(step: Step | undefined): Path[] {
  if (!step) return []
  if (step.kind === 'root') return step.path.length > 0 ? [step.path] : []
  if (step.kind === 'entities') return step.parts.flatMap(({ paths }) => paths)
  return step.steps.flatMap(allPaths)
}

/** The plan as a tree of lines, for people to read. */
export function describeSteps(step: CompiledStep | undefined, indent = ''): string {
  if (!step) return `${indent}nothing to fetch`
  if (step.kind === 'root') {
    return `${indent}fetch from ${step.subgraph}${step.path.length > 0 ? ` at ${describePath(step.path)}` : ''}: ${step.operation}`
  }
  if (step.kind === 'entities') {
    const at = step.parts.flatMap(({ paths }) => paths.map(describePath)).join(', ')
    return `${indent}entities from ${step.subgraph} at ${at}: ${step.operation}`
  }
  return [`${indent}${step.kind}`, ...step.steps.map((inner) => describeSteps(inner, `${indent}  `))].join('\n')
}
