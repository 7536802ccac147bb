import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  Source,
  TokenKind,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Viewer } from '../../lib/context.ts'
import { codedError, type ErrorCode } from '../../lib/errors.ts'
import type { GuardLimits, Introspection } from '../config.ts'
import { refuseIncrementalDelivery } from './incremental.ts'
import { asksForNothing, introspectionFields } from './introspection.ts'
import { type Measure, measureOperations } from './measure.ts'
import { countOverlaps } from './overlaps.ts'
import { asNobody, PublicSurface } from './public-surface.ts'
import { rootFieldsOf } from './root-fields.ts'
import { checkVariables } from './variables.ts'

/** A document that is within the limits. It is the same object each time the same text is asked for. */
export interface GuardedDocument {
  readonly text: string
  readonly document: DocumentNode
  readonly operations: readonly OperationDefinitionNode[]
  readonly introspectionFields: readonly FieldNode[]
  /** The fields of each operation's root, one for each time that it runs. */
  readonly rootFields: ReadonlyMap<OperationDefinitionNode, readonly string[]>
  /** The schema that it was last found valid against; set by whoever validated it. */
  validFor: GraphQLSchema | undefined
}

/** What the guard decides about. */
export interface Asked {
  readonly text: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly schema: GraphQLSchema
  readonly viewer: Viewer | null
}

export interface GuardOptions {
  readonly limits: GuardLimits
  readonly introspection: Introspection
  /** Fields of the root that are for everybody; any other is for those who have signed in. Absent: all are. */
  readonly publicFields?: ReadonlySet<string> | undefined
}

/** Bounds the memory of remembered documents: their number, and the characters of their texts together. */
const rememberedDocuments = 2000
const rememberedCharacters = 2_000_000

/**
 * Decides whether an operation may go on to be validated and run. It is the one guard of every transport and lane: it
 * sees what is asked and by whom, and knows nothing of how it came.
 */
export class Guard {
  readonly #options: GuardOptions
  readonly #surfaces = new WeakMap<GraphQLSchema, PublicSurface>()
  readonly #asNobody = new WeakMap<OperationDefinitionNode, string | undefined>()
  readonly #documents = new LRUCache<string, GuardedDocument>({
    max: rememberedDocuments,
    maxSize: rememberedCharacters,
    sizeCalculation: (_, text) => text.length + 1,
  })

  constructor(options: GuardOptions) {
    this.#options = options
  }

  /** The guarded document, or a coded GraphQLError: a syntax error, a limit exceeded, or a schema not for this viewer. */
  admit({ text, variables, schema, viewer }: Asked): GuardedDocument {
    checkVariables(variables, this.#options.limits)
    let guarded = this.#documents.get(text)
    if (guarded === undefined) {
      guarded = this.#inspect(text)
      this.#documents.set(text, guarded)
    }
    const fields = guarded.introspectionFields
    if (fields.length === 0 || this.mayIntrospect(viewer) || asksForNothing(fields, variables, schema)) return guarded
    throw this.#options.introspection === 'off'
      ? codedError('FORBIDDEN', 'The schema may not be read here.')
      : codedError('UNAUTHENTICATED', 'Sign in to read the schema.')
  }

  /**
   * Keeps strangers from all but what is for everybody, before anyone looks whether the schema has it: what they may not
   * ask for and what is not there are the same to them.
   * @throws UNAUTHENTICATED
   */
  requirePublic(
    { rootFields, document }: GuardedDocument,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
  ): void {
    const { publicFields } = this.#options
    if (publicFields === undefined) return
    const isPublic = (field: string) => field.startsWith('__') || publicFields.has(field)
    const isQuery = operation.operation === OperationTypeNode.QUERY
    if (
      rootFields.get(operation)?.every(isPublic) &&
      (isQuery || this.#surfaceOf(schema, publicFields).covers(document))
    )
      return
    throw codedError('UNAUTHENTICATED', 'Sign in first.')
  }

  /** What is run in place of a stranger's query; undefined for the query itself. */
  forStranger({ document }: GuardedDocument, operation: OperationDefinitionNode): string | undefined {
    if (this.#options.publicFields === undefined) return undefined
    if (!this.#asNobody.has(operation)) this.#asNobody.set(operation, asNobody(operation, document))
    return this.#asNobody.get(operation)
  }

  #surfaceOf(schema: GraphQLSchema, publicFields: ReadonlySet<string>): PublicSurface {
    const known = this.#surfaces.get(schema) ?? new PublicSurface(schema, publicFields)
    this.#surfaces.set(schema, known)
    return known
  }

  /** Whether the viewer may learn names of the schema, so that errors may suggest them. */
  mayIntrospect(viewer: Viewer | null): boolean {
    const { introspection } = this.#options
    return introspection === 'open' || (introspection === 'signed-in' && viewer !== null)
  }

  #inspect(text: string): GuardedDocument {
    const { limits } = this.#options
    const document = parseWithin(text, limits.tokens)
    refuseIncrementalDelivery(document)
    checkFragments(document, limits)
    const measures = measureOperations(document)
    for (const [operation, measure] of measures) {
      checkLimits(measure, limits)
      if (countOverlaps(operation, document) > limits.overlaps) {
        throw tooComplex('The operation asks for the same fields too many times.')
      }
    }
    return {
      text,
      document,
      operations: [...measures.keys()],
      introspectionFields: introspectionFields(document),
      rootFields: new Map([...measures.keys()].map((operation) => [operation, rootFieldsOf(operation, document)])),
      validFor: undefined,
    }
  }
}

/** The operation that a request means (GraphQL spec, 6.1), or undefined when there is none or no single one. */
export function operationNamed(
  guarded: GuardedDocument,
  name: string | undefined,
): OperationDefinitionNode | undefined {
  const { operations } = guarded
  if (name === undefined) return operations.length === 1 ? operations[0] : undefined
  return operations.find((operation) => operation.name?.value === name)
}

function parseWithin(text: string, maxTokens: number): DocumentNode {
  try {
    countTokens(text, maxTokens)
    return parse(text)
  } catch (error) {
    if (error instanceof RangeError) throw tooComplex('The document nests too deep to be read.')
    if (!(error instanceof GraphQLError) || error.extensions.code !== undefined) throw error
    throw withCode(error, 'GRAPHQL_PARSE_FAILED')
  }
}

/** Lexing is linear and keeps nothing, so a document is counted before a tree is built of it. */
function countTokens(text: string, max: number): void {
  const lexer = new Lexer(new Source(text))
  let count = 0
  while (lexer.advance().kind !== TokenKind.EOF) {
    count += 1
    if (count > max) throw tooComplex(`The document has more than ${max} tokens.`)
  }
}

/** Also those that no operation spreads: validation looks at each, and at each pair of them. */
function checkFragments({ definitions }: DocumentNode, limits: GuardLimits): void {
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).length
  if (fragments <= limits.fragments) return
  throw tooComplex(`The document has ${fragments} fragments; at most ${limits.fragments} are allowed.`)
}

function checkLimits(measure: Measure, limits: GuardLimits): void {
  const { depth, aliases, directives, rootFields, fields } = measure
  if (depth > limits.depth)
    throw tooComplex(`The operation is ${depth} levels deep; at most ${limits.depth} are allowed.`)
  if (aliases > limits.aliases)
    throw tooComplex(`The operation has ${aliases} aliases; at most ${limits.aliases} are allowed.`)
  if (directives > limits.directives) {
    throw tooComplex(`The operation has ${directives} directives; at most ${limits.directives} are allowed.`)
  }
  if (rootFields > limits.rootFields) {
    throw tooComplex(`The operation has ${rootFields} root fields; at most ${limits.rootFields} are allowed.`)
  }
  if (fields > limits.fields)
    throw tooComplex(`The operation selects ${fields} fields; at most ${limits.fields} are allowed.`)
}

function tooComplex(message: string): GraphQLError {
  return codedError('QUERY_TOO_COMPLEX', message)
}

/** The same error with a code; its message and places are kept. */
export function withCode(error: GraphQLError, code: ErrorCode): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    originalError: error,
    extensions: { ...error.extensions, code },
  })
}
