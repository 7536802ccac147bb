import { openPgvector } from '../../stores/vector/pgvector.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
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
