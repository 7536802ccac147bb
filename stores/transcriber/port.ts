import type { ProviderAddress } from '../provider.ts'

/** Something said into a microphone. */
export interface Recording {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** `audio/…`. */
  readonly mediaType: string
  /** The language that is spoken (BCP 47), where it is known. */
  readonly language: string | null
}

/** Writes down what was said. */
export interface Transcriber {
  /** Name of the model. */
  readonly model: string
  /**
   * What was said; empty when nothing was. Rejects when the model cannot be reached or answers nonsense, and with the
   * signal's reason when it aborts.
   */
  transcribe(recording: Recording, signal: AbortSignal): Promise<string>
}

/** Where a model is that speaks the Audio API; its address is the API's base, up to and with its version. */
export interface TranscriptProvider extends ProviderAddress {
  readonly model: string
}
