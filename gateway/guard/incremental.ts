import { type DocumentNode, GraphQLError, visit } from 'graphql'

/**
 * Refuses `@defer` and `@stream` (GraphQL's incremental delivery), also with `if: false`: every answer comes in one
 * piece, and a client that waits for more parts should learn why there are none. They are refused by name, before
 * validation would call them unknown, and whether or not a supergraph happens to define them.
 */
export function refuseIncrementalDelivery(document: DocumentNode): void {
  visit(document, {
    Directive(node) {
      const name = node.name.value
      if (name !== 'defer' && name !== 'stream') return
      const message = `@${name} is not supported: every answer comes in one piece. Send the operation without it.`
      throw new GraphQLError(message, { nodes: node, extensions: { code: 'INCREMENTAL_DELIVERY_NOT_SUPPORTED' } })
    },
  })
}
