import { witnessKey } from '../witness.ts'
import type { GeneratedFunction } from './representation.ts'
import type { AbstractShape, EnumShape, Selection, Shape } from './shape.ts'
import { type Names, property } from './source.ts'

/**
 * Generates the projection: a function from the merged data to the response's data as JSON text.
 *
 * It writes only what is as it should be. Where a null stands that may not, or a value of another type, it throws
 * `unfit`, and the answer is written again by the one that knows how to report it (`complete.ts`): errors are rare,
 * and the usual answer need not carry their paths along.
 */
export function generateProjection(root: Selection, names: Names): GeneratedFunction {
  const writer = new Writer(names)
  const name = writer.selection(root)
  return { name, source: writer.functions.join('\n\n') }
}

/** Thrown, as one value without a stack, by a projection that cannot go on. */
export const unfit = Symbol('The data does not fit the response without errors')

class Writer {
  readonly functions: string[] = []
  readonly #names: Names
  readonly #selections = new Map<Selection, string>()
  readonly #shapes = new Map<Shape, string>()

  constructor(names: Names) {
    this.#names = names
  }

  selection(selection: Selection): string {
    const known = this.#selections.get(selection)
    if (known) return known
    const name = this.#names.next('object')
    this.#selections.set(selection, name)
    const first = selection.fields.find(({ responseKey }) => responseKey !== witnessKey)
    const parts = selection.fields.map((field) => {
      const { responseKey, key, shape } = field
      if (responseKey === witnessKey) return `    (${this.#call(shape, property('object', key))}, '')`
      const lead = `'${field === first ? '' : ','}${embeddedKey(responseKey)}:'`
      return `    ${lead} + ${this.#call(shape, property('object', key))}`
    })
    const body = parts.length > 0 ? `'{' +\n${parts.join(' +\n')} +\n    '}'` : "'{}'"
    this.functions.push(`function ${name}(object) {\n  let value\n  return ${body}\n}`)
    return name
  }

  /** An expression that writes a value. */
  #call(shape: Shape, value: string): string {
    if (shape.kind === 'nonNull') return `${this.#required(shape.of)}(${value})`
    if (shape.kind === 'text') return `text(${value})`
    if (shape.kind === 'refused') return 'refused()'
    return `((value = ${value}) == null ? 'null' : ${this.#required(shape)}(value))`
  }

  /** The name of a function that writes a value which may not be null. */
  #required(shape: Shape): string {
    switch (shape.kind) {
      case 'nonNull':
        return this.#required(shape.of)
      case 'scalar':
        return scalarWriters[shape.type] ?? 'anything'
      case 'text':
        return 'text'
      case 'refused':
        return 'refused'
      case 'typename':
        return shape.name === undefined ? 'name' : this.#constant(shape.name)
      default:
        return this.#known(shape, () => this.#generate(shape))
    }
  }

  #generate(shape: Extract<Shape, { kind: 'list' | 'enum' | 'object' | 'abstract' }>): string {
    switch (shape.kind) {
      case 'list':
        return this.#list(shape.of)
      case 'enum':
        return this.#enum(shape)
      case 'object':
        return this.#object(shape.selection)
      case 'abstract':
        return this.#abstract(shape)
    }
  }

  #known(shape: Shape, generate: () => string): string {
    const known = this.#shapes.get(shape)
    if (known) return known
    const name = generate()
    this.#shapes.set(shape, name)
    return name
  }

  #list(of: Shape): string {
    const name = this.#names.next('list')
    const item = (index: string) => this.#call(of, `list[${index}]`)
    this.functions.push(
      [
        `function ${name}(list) {`,
        '  if (!Array.isArray(list)) throw unfit',
        "  if (list.length === 0) return '[]'",
        '  let value',
        `  let text = '[' + ${item('0')}`,
        `  for (let i = 1; i < list.length; i++) text += ',' + ${item('i')}`,
        "  return text + ']'",
        '}',
      ].join('\n'),
    )
    return name
  }

  #enum({ texts }: EnumShape): string {
    const name = this.#names.next('choice')
    const cases = [...texts.values()].map((text) => `    case ${text}: return '${text}'`)
    this.functions.push(
      [`function ${name}(value) {`, '  switch (value) {', ...cases, '    default: throw unfit', '  }', '}'].join('\n'),
    )
    return name
  }

  #object(selection: Selection): string {
    const name = this.#names.next('member')
    this.functions.push(
      [
        `function ${name}(value) {`,
        "  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw unfit",
        `  return ${this.selection(selection)}(value)`,
        '}',
      ].join('\n'),
    )
    return name
  }

  #abstract({ selections, otherwise }: AbstractShape): string {
    const name = this.#names.next('oneOf')
    const byWriter = new Map<string, string[]>()
    for (const [type, selection] of selections) {
      const writer = this.selection(selection)
      byWriter.set(writer, [...(byWriter.get(writer) ?? []), `    case ${JSON.stringify(type)}:`])
    }
    const cases = [...byWriter].map(([writer, labels]) => `${labels.join('\n')} return ${writer}(value)`)
    // Without a known type's name the answer may depend on a type that is hidden, so it is left to the complete one.
    const untold = otherwise.fields.some(({ key }) => key === '__typename')
      ? 'throw unfit'
      : `return ${this.selection(otherwise)}(value)`
    this.functions.push(
      [
        `function ${name}(value) {`,
        "  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw unfit",
        '  switch (value.__typename) {',
        ...cases,
        `    case undefined: ${untold}`,
        '    default: throw unfit',
        '  }',
        '}',
      ].join('\n'),
    )
    return name
  }

  #constant(value: string): string {
    const name = this.#names.next('typename')
    this.functions.push(`function ${name}() {\n  return '${JSON.stringify(value)}'\n}`)
    return name
  }
}

/** Response keys are GraphQL names or aliases, which need no escape; anything else would be a fault of ours. */
function embeddedKey(key: string): string {
  if (!/^[_A-Za-z][_0-9A-Za-z]*$/.test(key)) throw new Error('A response key is not a GraphQL name.')
  return `"${key}"`
}

const scalarWriters: Readonly<Record<string, string>> = {
  Int: 'integer',
  Float: 'float',
  String: 'string',
  ID: 'id',
  Boolean: 'boolean',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/

/** Below this length a loop finds what must be escaped sooner than a regular expression begins to look. */
const shortString = 32

/** A string as JSON; most need no escape, which is quicker to see than to let `JSON.stringify` find. */
function quote(value: string): string {
  if (value.length >= shortString) return needsEscape.test(value) ? JSON.stringify(value) : `"${value}"`
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code <= 0xdfff)) {
      return JSON.stringify(value)
    }
  }
  return `"${value}"`
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw unfit
  return quote(value)
}

function id(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (!Number.isInteger(value)) throw unfit
  return `"${value}"`
}

function integer(value: unknown): string {
  if (!Number.isInteger(value)) throw unfit
  return `${value}`
}

function float(value: unknown): string {
  if (!Number.isFinite(value)) throw unfit
  return `${value}`
}

function boolean(value: unknown): string {
  if (value === true) return 'true'
  if (value === false) return 'false'
  throw unfit
}

/** A custom scalar: any JSON. */
function anything(value: unknown): string {
  if (value === null || value === undefined) throw unfit
  return typeof value === 'string' ? quote(value) : (JSON.stringify(value) ?? 'null')
}

function name(value: unknown): string {
  if (typeof value !== 'string') throw unfit
  return quote(value)
}

function text(value: unknown): string {
  return value as string
}

/** A field that the viewer may not see takes an error. */
function refused(): never {
  throw unfit
}

/** A scalar inside a representation. */
function leaf(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  return value === null || value === undefined ? 'null' : (JSON.stringify(value) ?? 'null')
}

/** What generated code calls by name. */
export const writers = {
  unfit,
  string,
  id,
  integer,
  float,
  boolean,
  anything,
  name,
  text,
  refused,
  leaf,
} as const
