import type { IncomingMessage } from 'node:http'
import {
  ApolloServer,
  type ApolloServerPlugin,
  HeaderMap,
  type HTTPGraphQLRequest,
  type HTTPGraphQLResponse,
} from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { GraphQLError } from 'graphql'
import { printCacheControl } from '../../lib/cache-control.ts'
import type { Call } from '../../lib/call.ts'
import type { Log } from '../../lib/log.ts'
import type { Engine } from '../engine/types.ts'
import type { Lease } from '../live-engine.ts'
import { type Answer, hideSchema, refusal, statusOf } from './errors.ts'
import type { MediaType } from './negotiate.ts'
import type { AdmittedOperation, Operations } from './operations.ts'

/** What goes through Apollo Server beside the request. */
export interface PipelineContext {
  /** Null when the request is malformed: Apollo Server then says how, and nothing is run. */
  readonly admitted: AdmittedOperation | null
  readonly call: Call
  readonly mediaType: MediaType
  readonly showSchema: boolean
}

export interface Pipeline {
  execute(request: HTTPGraphQLRequest, context: PipelineContext): Promise<HTTPGraphQLResponse>
  stop(): Promise<void>
}

export interface PipelineOptions {
  /** Whether documents are kept once they are parsed and found valid; of no use where the fast lane takes them from then on. */
  readonly keepsDocuments: boolean
  readonly plugins?: readonly ApolloServerPlugin<PipelineContext>[]
}

/**
 * Apollo Server over the live engine. It sees each operation for the first time: it parses and validates it, and its
 * plugins take part. What it found valid is noted, so that the fast lane may answer the next time.
 */
export async function createPipeline(
  operations: Operations,
  log: Log,
  { keepsDocuments, plugins = [] }: PipelineOptions,
): Promise<Pipeline> {
  const server = new ApolloServer<PipelineContext>({
    gateway: gatewayOf(operations),
    introspection: true,
    csrfPrevention: false,
    persistedQueries: false,
    ...(keepsDocuments ? {} : { documentStore: null }),
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    nodeEnv: 'production',
    logger: log,
    stringifyResult: (result) =>
      result.extensions instanceof ReadyText ? result.extensions.answer.text : JSON.stringify(result),
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ...plugins,
      answerPlugin(operations),
    ],
  })
  await server.start()
  return {
    execute: (httpGraphQLRequest, context) =>
      server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: async () => context }),
    stop: () => server.stop(),
  }
}

/** Carries a settled answer through Apollo Server's pipeline to `stringifyResult`. */
class ReadyText {
  [key: string]: unknown
  readonly answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }
}

type Gateway = NonNullable<ConstructorParameters<typeof ApolloServer<PipelineContext>>[0]['gateway']>
type Executor = NonNullable<Awaited<ReturnType<Gateway['load']>>['executor']>

function gatewayOf(operations: Operations): Gateway {
  const { engine } = operations
  return {
    onSchemaLoadOrUpdate(callback) {
      const tell = ({ schema, supergraphSdl }: Engine) =>
        callback({ apiSchema: schema, coreSupergraphSdl: supergraphSdl })
      tell(engine.current)
      return engine.onReplace(tell)
    },
    load: async () => ({ executor: executorOf(operations) }),
    // The engine belongs to whoever made it.
    stop: async () => {},
  }
}

function executorOf(operations: Operations): Executor {
  return async (request) => {
    const { admitted, call } = request.context as unknown as PipelineContext
    if (admitted === null) throw new Error('an operation reached the engine past the guard')
    const lease: Lease = operations.engine.lease(request.schema)
    try {
      admitted.guarded.validFor = request.schema
      const [unresolved] = operations.validate(admitted, request.schema)
      if (unresolved !== undefined) return { errors: [unresolved] }
      const answer = await operations.execute(admitted, lease, call)
      const errors = answer.errors.map(
        (error) => new GraphQLError(error.message, { path: error.path ?? null, extensions: error.extensions ?? null }),
      )
      return {
        ...(answer.hasData ? { data: {} } : {}),
        ...(errors.length > 0 ? { errors } : {}),
        extensions: new ReadyText(answer),
      }
    } finally {
      lease.release()
    }
  }
}

/** Gives the pipeline's answers the statuses and the reticence that all answers of the edge have. */
const answerPlugin = (operations: Operations): ApolloServerPlugin<PipelineContext> => ({
  requestDidStart: async () => ({
    willSendResponse: async ({ response, contextValue }) => {
      if (response.body.kind !== 'single') return
      const result = response.body.singleResult
      if (result.extensions instanceof ReadyText) {
        const { answer } = result.extensions
        response.http.status = statusOf(answer, contextValue.mediaType)
        response.http.headers.set('cache-control', printCacheControl(answer.cachePolicy))
        for (const [name, value] of Object.entries(answer.headers ?? {})) response.http.headers.set(name, value)
        return
      }
      const shown = contextValue.showSchema ? refusal(result.errors ?? []) : hideSchema(refusal(result.errors ?? []))
      response.http.status = statusOf(shown, contextValue.mediaType)
      response.body.singleResult = { errors: shown.errors }
      operations.noteRefusal(shown, contextValue.call.context.traceId)
    },
  }),
})

interface Received {
  readonly req: IncomingMessage
  readonly search: string
  readonly body: unknown
  readonly admitted: AdmittedOperation | null
}

/**
 * The request as Apollo Server takes it; the media type was negotiated before. One that names its document by id or
 * hash is sent on with the text, and so is what is run in place of what was sent.
 */
export function toPipelineRequest({ req, search, body, admitted }: Received, mediaType: MediaType): HTTPGraphQLRequest {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(req.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  headers.set('accept', mediaType)
  if (admitted === null || isPlain(admitted)) return { method: req.method ?? '', search, body, headers }
  const { query, operationName, variables } = admitted
  const named = operationName === undefined ? {} : { operationName }
  return { method: 'POST', search: '', body: { query, variables, ...named }, headers }
}

/** Whether what was sent is what is run. */
function isPlain({ document: { id, persisted, text }, query }: AdmittedOperation): boolean {
  return id === undefined && persisted === undefined && text === query
}
