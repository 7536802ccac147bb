import type { FieldPlace } from '../../lib/field-encryption.ts'

const folder = 'voice/'

/** The name under which audio is kept; its hash is unique for its owner. */
export const voiceObject = (hash: string) => `${folder}${hash}`

/** The place to which audio's encryption is bound. */
export const voicePlace = (hash: string): FieldPlace => ({ table: 'memory.voice_samples', column: 'audio', row: hash })

/** The hash of the audio that is kept under a name; null of any other object. */
export function voiceHash(name: string): string | null {
  return name.startsWith(folder) ? name.slice(folder.length) : null
}
