import { Kind, type ValueNode, valueFromASTUntyped, visit } from 'graphql'
import type { Variables } from './expression.ts'

/** No variables at all, for what does not look at them. */
export const constantOf: Variables = Object.freeze({})

/** Whether a value is the same whatever the variables are. */
export function isConstant(node: ValueNode): boolean {
  let variables = 0
  visit(node, {
    Variable() {
      variables += 1
    },
  })
  return variables === 0
}

/** A value of the document with the variables filled in, in the form in which variables are sent. */
export function valueIn(node: ValueNode | undefined, variables: Variables): unknown {
  if (node === undefined) return undefined
  if (node.kind === Kind.VARIABLE) return variables[node.name.value]
  return valueFromASTUntyped(node, variables)
}
