import { defineConfig } from 'vite';

// Relative URLs: the page names its folder in <base>, so the same build serves any `server.path`.
export default defineConfig({
  base: './',
  worker: { format: 'es' },
  build: { outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 8192, target: 'es2022' },
});
