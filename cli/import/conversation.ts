/** A message to bring in, as `MessageInput` takes it. */
export interface ImportedMessage {
  readonly role: 'SYSTEM' | 'USER' | 'ASSISTANT' | 'TOOL'
  readonly content: string | null
  readonly name?: string
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly arguments: unknown }[]
  readonly toolCallId?: string
  /** ISO 8601; left out when the source has no times. */
  readonly occurredAt?: string
  /** Unique in its conversation and the same in every run, so that a second run adds nothing. */
  readonly externalId: string
}

export interface ImportedConversation {
  readonly kind: 'conversation'
  /** The same in every run. */
  readonly externalId: string
  readonly title: string | null
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly messages: readonly ImportedMessage[]
}

export interface ImportedMemory {
  readonly kind: 'memory'
  readonly input: Readonly<Record<string, unknown>>
}

/** What one record of a file holds, or why it cannot be taken. `line` counts from 1. */
export type ImportedRecord =
  | { readonly line: number; readonly item: ImportedConversation | ImportedMemory }
  | { readonly line: number; readonly problem: string }

/** A record that is not of its format; the message is for the person who runs the import. */
export class FormatError extends Error {}
