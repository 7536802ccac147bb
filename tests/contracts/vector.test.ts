import { afterAll } from 'vitest'
import { openPgvector } from '../../stores/vector/pgvector.ts'
import { openQdrant, type Qdrant } from '../../stores/vector/qdrant.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'
import { contractDimensions, vectorContract } from './vector.ts'

describeEachPostgres('pgvector', (database) => {
  const open = (exactUpTo?: number) => () => {
    const postgres = database().open()
    return {
      open: (model: string) =>
        openPgvector(postgres, { model, dimensions: contractDimensions }, exactUpTo === undefined ? {} : { exactUpTo }),
    }
  }
  vectorContract('compared one by one', open())
  // Where there is no graph index (PostgreSQL as WebAssembly) this is the same as above.
  vectorContract('by the graph index', open(0))
})

describeQdrantDouble('qdrant', () => {
  for (const quantization of ['none', 'int8', 'binary'] as const) {
    const settings = qdrantSettings({ quantization })
    cleanUpQdrant(settings)
    const opened: Qdrant[] = []
    afterAll(() => Promise.all(opened.map((qdrant) => qdrant.close())))
    vectorContract(`quantized: ${quantization}`, () => ({
      async open(model) {
        const qdrant = openQdrant(settings, { model, dimensions: contractDimensions })
        opened.push(qdrant)
        return qdrant.indexes
      },
    }))
  }
})
