import { joinResolvers } from '../join-resolvers.ts'
import { defineRoom } from '../subgraph.ts'
import { analysisResolvers } from './analysis-resolvers.ts'
import { chatResolvers } from './chat-resolvers.ts'
import { MemoryContext } from './context.ts'
import { continuityResolvers } from './continuity-resolvers.ts'
import { embeddingResolvers } from './embedding-resolvers.ts'
import { policyResolvers } from './policy-resolvers.ts'
import { vectorProjector } from './projector.ts'
import { reasoningResolvers } from './reasoning-resolvers.ts'
import { relationsResolvers } from './relations-resolvers.ts'
import { resolvers } from './resolvers.ts'
import { routingResolvers } from './routing-resolvers.ts'
import { objectsJob } from './service/objects.ts'
import { syncJob } from './service/sync/run.ts'
import { forwardJob } from './service/upkeep/forward.ts'
import { upkeepJob } from './service/upkeep/job.ts'
import { rulesProjector } from './service/upkeep/rules.ts'
import { strayArchivesJob } from './service/upkeep/stray-archives.ts'
import { sharingResolvers } from './sharing-resolvers.ts'
import { syncResolvers } from './sync-resolvers.ts'
import { turnResolvers } from './turn-resolvers.ts'
import { upkeepResolvers } from './upkeep-resolvers.ts'
import { voiceResolvers } from './voice-resolvers.ts'

/** What agents and their users remember: sessions, messages, memories, and how they are found again. */
export const room = defineRoom({
  name: 'memory',
  directory: import.meta.dirname,
  keepsFiles: true,
  resolvers: joinResolvers(
    resolvers,
    analysisResolvers,
    chatResolvers,
    continuityResolvers,
    embeddingResolvers,
    policyResolvers,
    upkeepResolvers,
    reasoningResolvers,
    relationsResolvers,
    routingResolvers,
    sharingResolvers,
    syncResolvers,
    turnResolvers,
    voiceResolvers,
  ),
  context: (stores, request) => new MemoryContext(stores, request),
  async prepare({ embeddings }) {
    await embeddings.claim()
    return []
  },
  projectors: (stores) => [
    ...stores.embeddings.kept.map((index) => vectorProjector(stores, index)),
    rulesProjector(stores),
  ],
  jobs: (stores) => [
    syncJob(stores),
    upkeepJob(stores),
    forwardJob(stores),
    objectsJob(stores),
    strayArchivesJob(stores),
  ],
})
