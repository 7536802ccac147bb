import {
  type GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  OperationTypeNode,
  validate,
} from 'graphql'
import type { Call } from '../../lib/call.ts'
import type { Viewer } from '../../lib/context.ts'
import { codedError, codeOf, presentErrors } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { EngineResponse, OperationRequest, ResponseStream } from '../engine/types.ts'
import type { Charge, CostControl } from '../guard/cost/control.ts'
import type { Asker, Documents } from '../guard/documents.ts'
import { type Guard, type GuardedDocument, operationNamed, withCode } from '../guard/guard.ts'
import type { RateBalance, Rates } from '../guard/rates.ts'
import type { Identified } from '../identity.ts'
import type { Lease, LiveEngine } from '../live-engine.ts'
import { retryHeaders, withCharge, withRate } from './cost.ts'
import { type Answer, hideSchema, maskAnswer, refusal, withExtension } from './errors.ts'
import type { Parameters } from './parameters.ts'
import type { SharedQueries } from './sharing.ts'
import type { EdgeTelemetry } from './telemetry.ts'

/** A well-formed request whose document is within the limits. */
export interface AdmittedOperation extends Parameters, Asker {
  /** The document's text, however the request named it. */
  readonly query: string
  readonly guarded: GuardedDocument
  /** Undefined when the document holds no operation of the name given. */
  readonly operation: OperationDefinitionNode | undefined
}

export interface OperationsOptions {
  readonly engine: LiveEngine
  readonly guard: Guard
  readonly documents: Documents
  readonly costs: CostControl
  /** Absent where any number of operations may be asked for. */
  readonly rates: Rates | undefined
  readonly log: Log
  /** Whether the words of a subgraph's own errors reach clients. */
  readonly showSubgraphErrors: boolean
  readonly telemetry: EdgeTelemetry
  /** Absent where each query runs on its own. */
  readonly shared?: SharedQueries
}

/**
 * What every transport does with an operation: admit it, validate it, run it, and make its answer fit for the client.
 * Nothing here throws but `admit`; whatever fails inside becomes an answer.
 */
export class Operations {
  readonly #options: OperationsOptions
  /** Responses with errors are shared by those of equal rights alone, so what one may see of them all may. */
  readonly #shown = new WeakMap<EngineResponse, Answer>()

  constructor(options: OperationsOptions) {
    this.#options = options
  }

  get engine(): LiveEngine {
    return this.#options.engine
  }

  /** Throws a coded GraphQLError when the guard refuses. */
  admit(parameters: Parameters, { viewer, isOwner = false }: Identified): AdmittedOperation {
    const { guard, documents, engine } = this.#options
    const { document, variables, operationName } = parameters
    const asker = { viewer, isOwner }
    const text = documents.find(document, asker)
    const guarded = guard.admit({ text, variables, schema: engine.current.schema, viewer })
    const operation = operationNamed(guarded, operationName)
    const { schema } = engine.current
    if (viewer === null && !isOwner && operation) {
      guard.requirePublic(guarded, operation, schema)
      const query = guard.forStranger(guarded, operation)
      if (query !== undefined) {
        const nobody = guard.admit({ text: query, variables: {}, schema, viewer })
        const asked = { ...parameters, ...asker, query, variables: {}, operationName: undefined }
        return { ...asked, guarded: nobody, operation: operationNamed(nobody, undefined) }
      }
    }
    documents.remember(document, asker)
    return { ...parameters, ...asker, query: text, guarded, operation }
  }

  /** What keeps an operation from running on this schema; empty when nothing does. */
  validate({ guarded, operation }: AdmittedOperation, schema: GraphQLSchema): readonly GraphQLError[] {
    if (guarded.validFor !== schema) {
      const errors = validate(schema, guarded.document)
      if (errors.length > 0) return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'))
      guarded.validFor = schema
    }
    if (operation !== undefined) return []
    return [codedError('OPERATION_RESOLUTION_FAILURE', 'The document holds no operation of this name, or several.')]
  }

  /** Runs a query or mutation on the leased engine. */
  async execute(admitted: AdmittedOperation, lease: Lease, call: Call): Promise<Answer> {
    const { telemetry } = this.#options
    const started = performance.now()
    telemetry.began(call)
    const answer = await (call.revealing?.plan
      ? this.#explain(admitted, lease, call)
      : this.#run(admitted, lease, call))
    const took = performance.now() - started
    call.revealing?.timing?.add('execute', took)
    telemetry.ended(admitted, answer, call, took / 1000)
    return answer
  }

  /** Opens a subscription; rejects with what the client may see as an answer of errors. */
  async subscribe(admitted: AdmittedOperation, lease: Lease, call: Call): Promise<ResponseStream> {
    await this.#rate(admitted, call)
    this.#charge(admitted, lease)
    this.#options.telemetry.opened(admitted, call)
    const opening = lease.engine.subscribe(toRequest(admitted, call))
    return call.race(opening).catch(async (error: unknown) => {
      // The call may be over before the stream is open; it must not stay open behind us.
      void opening.then((late) => late[Symbol.asyncIterator]().return?.()).catch(() => {})
      throw error
    })
  }

  /** An event's response as a client may see it. Readers of one stream are given the same one, worked out once. */
  presentResponse(response: EngineResponse, viewer: Viewer | null, call: Call): Answer {
    if (response.errors.length === 0) return answerOf(response)
    const shown = this.#shown.get(response) ?? this.#present(answerOf(response), viewer, call)
    this.#shown.set(response, shown)
    return shown
  }

  /** An answer of errors alone, masked and logged. */
  refuse(thrown: readonly unknown[], viewer: Viewer | null, traceId: string): Answer {
    const answer = this.#failed(thrown, viewer, traceId)
    this.noteRefusal(answer, traceId)
    return answer
  }

  /** Tells of an operation that Apollo Server refused. */
  noteRefusal({ errors }: Answer, traceId: string): void {
    this.#options.telemetry.refused(errors, traceId)
  }

  #failed(thrown: readonly unknown[], viewer: Viewer | null, traceId: string): Answer {
    const answer = refusal(presentErrors(thrown, traceId, this.#options.log))
    return this.#options.guard.mayIntrospect(viewer) ? answer : hideSchema(answer)
  }

  async #run(admitted: AdmittedOperation, lease: Lease, call: Call): Promise<Answer> {
    try {
      const rate = this.#options.rates && (await this.#rate(admitted, call))
      const charge = this.#charge(admitted, lease)
      const response = await call.race(this.#begin(toRequest(admitted, call), admitted.operation, lease))
      const answer = this.#present(answerOf(response), admitted.viewer, call)
      return withRate(withCharge(answer, charge, admitted.asksForCost), rate)
    } catch (error) {
      const { signal, traceId } = call.context
      // Nobody reads the answer, and nothing has failed.
      if (signal.aborted && error === signal.reason && codeOf(Object(error)) === undefined) return unread
      const refused = this.#failed([error], admitted.viewer, traceId)
      const headers = retryHeaders(error)
      return headers ? { ...refused, headers } : refused
    }
  }

  async #begin(
    request: OperationRequest,
    operation: OperationDefinitionNode | undefined,
    { engine }: Lease,
  ): Promise<EngineResponse> {
    const { shared } = this.#options
    if (shared === undefined) return engine.execute(request)
    if (operation?.operation === OperationTypeNode.QUERY) return shared.execute(engine, request)
    try {
      return await engine.execute(request)
    } finally {
      shared.written()
    }
  }

  async #rate(
    { operation, guarded, viewer, isOwner }: AdmittedOperation,
    call: Call,
  ): Promise<RateBalance | undefined> {
    const { rates } = this.#options
    if (rates === undefined || isOwner || operation === undefined) return undefined
    const { peer } = call.context
    return call.race(rates.count({ viewer, address: peer?.address, fields: guarded.rootFields.get(operation) ?? [] }))
  }

  #charge(admitted: AdmittedOperation, { engine }: Lease): Charge | undefined {
    const { operation, guarded, variables, viewer, isOwner, asksForCost } = admitted
    if (operation === undefined) return undefined
    const { document } = guarded
    return this.#options.costs.charge({ document, operation, variables, viewer, isOwner, isAsked: asksForCost }, engine)
  }

  /** The answer with the operation's plan in `extensions`, or the plan alone. */
  async #explain(admitted: AdmittedOperation, lease: Lease, call: Call): Promise<Answer> {
    try {
      const { tree } = await call.race(lease.engine.explain(toRequest(admitted, call)))
      const answer = call.revealing?.plan === 'instead' ? notRun : await this.#run(admitted, lease, call)
      return withExtension(answer, 'queryPlan', tree)
    } catch {
      // What cannot be planned cannot be run either, and then says why.
      return this.#run(admitted, lease, call)
    }
  }

  #present(answer: Answer, viewer: Viewer | null, call: Call): Answer {
    if (answer.errors.length === 0) return answer
    const { guard, showSubgraphErrors, log } = this.#options
    const shown = showSubgraphErrors ? answer : maskAnswer(answer, call.context.traceId)
    if (shown !== answer)
      log.error({ traceId: call.context.traceId, errors: answer.errors }, 'Unexpected errors in an answer')
    return guard.mayIntrospect(viewer) ? shown : hideSchema(shown)
  }
}

const unread = refusal([])
const notRun: Answer = { text: '{"data":null}', errors: [], hasData: true }

export function isSubscription(admitted: AdmittedOperation): boolean {
  return admitted.operation?.operation === OperationTypeNode.SUBSCRIPTION
}

function toRequest(admitted: AdmittedOperation, call: Call): OperationRequest {
  return {
    query: admitted.query,
    document: admitted.guarded.document,
    operationName: admitted.operationName,
    variables: admitted.variables,
    context: call.context,
  }
}

function answerOf({ text, errors, cursor, cachePolicy }: EngineResponse): Answer {
  if (errors.length === 0) return { text, errors, cursor, cachePolicy, hasData: true }
  return { text, errors, cursor, hasData: responseHasData({ text, errors }) }
}

/** Only errors without a path can stand alone; then the text is short, and reading it is cheap. */
function responseHasData({ text, errors }: EngineResponse): boolean {
  if (errors.some((error) => error.path !== undefined)) return true
  return Object.hasOwn(JSON.parse(text) as object, 'data')
}
