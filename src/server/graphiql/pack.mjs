// Compresses what Vite built and writes the list that `src/server/graphiql.rs` includes.
// gzip and not brotli: browsers offer brotli only on https and localhost.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const assets = join('dist', 'assets');
const names = readdirSync(assets)
  .filter((name) => !name.endsWith('.gz'))
  .sort();
for (const name of names) {
  writeFileSync(join(assets, `${name}.gz`), gzipSync(readFileSync(join(assets, name)), { level: 9 }));
  rmSync(join(assets, name));
}
const rows = names.map((name) => `    ("${name}", include_bytes!("dist/assets/${name}.gz")),`).join('\n');
writeFileSync(
  'assets.rs',
  `// Written by pack.mjs.\n/// Files of the page by name, each compressed with gzip.\npub(super) const ASSETS: &[(&str, &[u8])] = &[\n${rows}\n];\n`,
);
