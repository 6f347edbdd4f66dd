// The public audits of GraphQL over HTTP against a running gateway: `node run.mjs http://127.0.0.1:4000/graphql`.
// Exit code 0 when every MUST and SHOULD passes; a MAY that is not taken is only counted.
import { auditServer } from 'graphql-http';

const url = process.argv[2];
if (!url) {
  console.error('usage: node run.mjs URL');
  process.exit(2);
}

const results = await auditServer({ url });
const counts = { ok: 0, failed: 0, may: 0 };
for (const result of results) {
  if (result.status === 'ok') {
    counts.ok += 1;
    continue;
  }
  const optional = result.name.startsWith('MAY');
  counts[optional ? 'may' : 'failed'] += 1;
  console.log(`${optional ? 'not taken' : 'FAILED'} ${result.id} ${result.name}: ${result.reason}`);
}
console.log(`${results.length} audits: ${counts.ok} passed, ${counts.failed} failed, ${counts.may} optional not taken`);
process.exit(counts.failed === 0 && results.length > 0 ? 0 : 1);
