import { z } from 'zod'
import { provider } from '../provider.ts'
import type { Transcriber, TranscriptProvider } from './port.ts'

/** Four MiB of audio are half an hour of speech at most, which is less than 128 KiB of text. */
const limits = { ms: 20_000, bytes: 262_144 }

const told = z.object({ text: z.string() })

/** Transcripts by a model behind the Audio API, which many providers and local servers speak. */
export function openAiTranscriber({ url, key, model }: TranscriptProvider): Transcriber {
  const ask = provider('transcripts', { url: `${url.replace(/\/+$/, '')}/audio/transcriptions`, key }, limits)
  return {
    model,
    async transcribe({ bytes, mediaType, language }, signal) {
      const form = new FormData()
      form.set('model', model)
      form.set('response_format', 'json')
      // Providers take the language alone, without country or script.
      if (language !== null) form.set('language', language.replace(/-.*/, '').toLowerCase())
      form.set('file', new Blob([bytes], { type: mediaType }), `speech.${endingOf(mediaType)}`)
      const { text } = told.parse(await ask(form, signal))
      return text.toWellFormed().replaceAll('\0', '').trim()
    },
  }
}

/** Providers tell kinds of audio apart by the name's ending. */
const endings: Readonly<Record<string, string>> = { mpeg: 'mp3', mp4: 'm4a', wave: 'wav' }

function endingOf(mediaType: string): string {
  const kind = /^audio\/(?:x-|vnd\.)?([\w+-]+)/.exec(mediaType)?.[1] ?? 'wav'
  return endings[kind] ?? kind
}
