import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Where the graph is: VITE_GRAPH_URL, or the product's own default.
export default defineConfig({ plugins: [react()], logLevel: 'warn', build: { outDir: 'dist', emptyOutDir: true } })
