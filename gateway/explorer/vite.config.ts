import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The analysts' page, built once by `npm ci`; the server only hands out the files.
export default defineConfig({
  root: `${import.meta.dirname}/app`,
  base: '/explorer/',
  plugins: [react()],
  logLevel: 'error',
  build: {
    outDir: `${import.meta.dirname}/../../generated/explorer`,
    emptyOutDir: true,
    chunkSizeWarningLimit: 8000,
  },
})
