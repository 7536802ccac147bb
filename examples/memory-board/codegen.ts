import type { CodegenConfig } from '@graphql-codegen/cli'

// Types of the page's operations, from the schema that the product serves: `npm run codegen`.
export default {
  schema: '../../schema/api.graphql',
  documents: ['src/**/*.ts'],
  ignoreNoDocuments: false,
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { DateTime: 'string', Cursor: 'string', JSON: 'unknown', UUID: 'string' },
      },
    },
  },
} satisfies CodegenConfig
