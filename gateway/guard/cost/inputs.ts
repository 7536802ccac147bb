import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql'
import type { CostModel } from './model.ts'

/** What a value of an argument costs, in the form in which variables are sent. */
export type InputCost = (value: unknown) => number

/** Prices arguments and what is in them. Input types may hold themselves, so each is looked at once. */
export class InputCosts {
  readonly #model: CostModel
  readonly #known = new Map<string, InputCost>()

  constructor(model: CostModel) {
    this.#model = model
  }

  /** Undefined when an argument costs nothing, whatever its value. */
  ofArgument(field: string, { name, type }: GraphQLArgument): InputCost | undefined {
    const weight = this.#model.weightOf(`${field}(${name}:)`)
    if (weight === undefined && this.#isFree(type)) return undefined
    return this.#valued(type, weight)
  }

  /** An input object may hold others, so none is free; a leaf is when its type is. */
  #isFree(type: GraphQLInputType): boolean {
    const named = getNamedType(type)
    return !isInputObjectType(named) && this.#model.typeWeight(named) === 0
  }

  /** @param weight takes the place of the type's own. */
  #valued(type: GraphQLInputType, weight: number | undefined): InputCost {
    if (isNonNullType(type)) return this.#valued(type.ofType, weight)
    if (isListType(type)) {
      const item = this.#valued(type.ofType, weight)
      return (value) =>
        Array.isArray(value) ? value.reduce<number>((total, one) => total + item(one), 0) : item(value)
    }
    const own = weight ?? this.#model.typeWeight(type)
    if (!isInputObjectType(type)) return (value) => (value === null || value === undefined ? 0 : own)
    // Looked up when it is asked for, since a type may hold itself.
    return (value) => (isObject(value) ? own + this.#fields(type.name)(value) : 0)
  }

  #fields(type: string): InputCost {
    const known = this.#known.get(type)
    if (known) return known
    const costs = this.#fieldCosts(type)
    const cost: InputCost = (value) => {
      let total = 0
      for (const [name, ofField] of costs) total += ofField((value as Record<string, unknown>)[name])
      return total
    }
    this.#known.set(type, cost)
    return cost
  }

  #fieldCosts(type: string): [string, InputCost][] {
    const input = this.#model.schema.getType(type)
    const fields: GraphQLInputField[] = isInputObjectType(input) ? Object.values(input.getFields()) : []
    return fields.flatMap((field) => {
      const weight = this.#model.weightOf(`${type}.${field.name}`)
      return weight === undefined && this.#isFree(field.type) ? [] : [[field.name, this.#valued(field.type, weight)]]
    })
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
