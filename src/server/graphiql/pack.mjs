// Compresses what Vite built and writes the list that `src/server/graphiql.rs` includes.
// gzip and not brotli: browsers offer brotli only on https and localhost.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

// The licences of everything that is bundled travel with it.
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const licences = Object.entries(lock.packages)
  .filter(([path, about]) => path && !about.dev && !about.optional)
  .map(([path, about]) => {
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE'].map((name) => join(path, name)).find(existsSync);
    const text = file ? readFileSync(file, 'utf8').trim() : `Licence: ${about.license}`;
    return `${path.replace(/^.*node_modules\//, '')} ${about.version}\n\n${text}\n`;
  })
  .sort();
names.push('licenses.txt');
names.sort();
writeFileSync(join(assets, 'licenses.txt.gz'), gzipSync(licences.join(`\n${'-'.repeat(80)}\n\n`), { level: 9 }));

const rows = names.map((name) => `    ("${name}", include_bytes!("dist/assets/${name}.gz")),`).join('\n');
writeFileSync(
  'assets.rs',
  `// Written by pack.mjs.\n/// Files of the page by name, each compressed with gzip.\npub(super) const ASSETS: &[(&str, &[u8])] = &[\n${rows}\n];\n`,
);
