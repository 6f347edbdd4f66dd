// What `weft diff`, `weft schema print --json` and `weft schema definitions` say, against graphql-js and a GraphQL language
// server: `node run.mjs PATH_OF_WEFT`. Exit code 0 when they agree.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  BreakingChangeType, DangerousChangeType, SafeChangeType,
  buildClientSchema, buildSchema, findSchemaChanges, lexicographicSortSchema, printSchema,
} from 'graphql';
import * as graphql16 from 'graphql16';
import { Position, getAutocompleteSuggestions, getDiagnostics, getHoverInformation } from 'graphql-language-service';

const weft = process.argv[2];
if (!weft) {
  console.error('usage: node run.mjs PATH_OF_WEFT');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'weft-graphql-js-'));
const run = (...args) => execFileSync(weft, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
let checked = 0;
const faults = [];
const check = (name, good, why = '') => {
  checked += 1;
  if (!good) faults.push(`${name}${why && `: ${why}`}`);
};

try {
  // Classes of changes: level and class of every one, and that each class of graphql-js occurs.
  const seen = new Set();
  for (const { name, old, new: now, changes, ours = [], coerced = false } of JSON.parse(readFileSync(join(here, 'diff.json'), 'utf8'))) {
    const level = ({ type }) => (type in BreakingChangeType ? 'breaking' : type in DangerousChangeType ? 'dangerous' : 'safe');
    // A class of two levels is told by the change: optional arguments of fields are dangerous, those of directives safe.
    const theirs = findSchemaChanges(buildSchema(old), buildSchema(now)).map((it) => `${level(it)} ${it.type}`).sort();
    const listed = changes.map((line) => line.split(' ').slice(0, 2).join(' ')).sort();
    // Version 17 compares defaults as they are written, version 16 and weft as the values that they become.
    if (!coerced) check(name, theirs.join() === listed.join(), `graphql-js says ${theirs}, the case says ${listed}`);
    theirs.forEach((line) => seen.add(line.split(' ')[1]));
    // The stable release knows fewer classes; what it calls breaking or dangerous is so here too.
    const stable = [
      ...graphql16.findBreakingChanges(graphql16.buildSchema(old), graphql16.buildSchema(now)).map((it) => `breaking ${it.type}`),
      ...graphql16.findDangerousChanges(graphql16.buildSchema(old), graphql16.buildSchema(now)).map((it) => `dangerous ${it.type}`),
    ];
    check(`${name} (16)`, stable.every((line) => listed.includes(line)), `${stable} is not within ${listed}`);
    writeFileSync(join(folder, 'old.graphql'), old);
    writeFileSync(join(folder, 'new.graphql'), now);
    const { status, stdout } = spawnSync(weft, ['diff', join(folder, 'old.graphql'), join(folder, 'new.graphql'), '--format', 'json'], { encoding: 'utf8' });
    const printed = JSON.parse(stdout).map((it) => `${it.level} ${it.kind} ${it.coordinate}`).sort();
    const expected = [...changes, ...ours].sort();
    check(`${name} (weft)`, printed.join() === expected.join(), `weft says ${printed}`);
    check(`${name} (exit)`, status === (expected.some((line) => line.startsWith('breaking')) ? 1 : 0), `exit code ${status}`);
  }
  for (const type of [BreakingChangeType, DangerousChangeType, SafeChangeType].flatMap(Object.keys)) {
    check(`class ${type}`, seen.has(type), 'no case has it');
  }

  // The API in both forms is one: as clients build it from the introspection, and as SDL.
  const schemas = readdirSync(join(root, 'tests/cases/connectors'))
    .filter((name) => name.endsWith('.graphql') && !name.startsWith('20-'))
    .map((name) => join(root, 'tests/cases/connectors', name));
  for (const path of [...schemas, join(root, 'schema')]) {
    const args = path.endsWith('.graphql') ? ['--schema', path] : ['-c', join(path, 'weft.yaml')];
    const sdl = run('schema', 'print', ...args);
    const json = JSON.parse(run('schema', 'print', '--json', ...args));
    const sorted = (schema) => printSchema(lexicographicSortSchema(schema));
    check(`${path} as JSON`, sorted(buildClientSchema(json)) === sorted(buildSchema(sdl)), 'JSON and SDL differ');
    const stable = graphql16.buildClientSchema(json);
    check(`${path} as JSON (16)`, Object.keys(stable.getTypeMap()).length > 0);
  }

  // An editor with the definitions: directives are known, their arguments complete, descriptions show.
  const definitions = run('schema', 'definitions');
  const known = buildSchema(`${definitions}\ntype Query { a: String }`);
  const labels = (text) => {
    const lines = text.split('\n');
    const at = new Position(lines.length - 1, lines.at(-1).length);
    return getAutocompleteSuggestions(known, text, at).map((it) => it.label);
  };
  check('completes @connect', labels('type Query { a: String @').includes('connect'), `${labels('type Query { a: String @')}`);
  const args = labels('type Query { a: String @connect(');
  check('completes its arguments', ['source', 'http', 'selection', 'batch'].every((it) => args.some((label) => label.startsWith(it))), `${args}`);
  const at = new Position(0, 'type Query { a: String @con'.length);
  check('shows what it is', `${getHoverInformation(known, 'type Query { a: String @connect(selection: "a") }', at)}`.includes('Which REST call'), `${getHoverInformation(known, 'type Query { a: String @connect(selection: "a") }', at)}`);
  const clean = readFileSync(join(root, 'schema/reviews.graphql'), 'utf8');
  const complaints = getDiagnostics(clean, buildSchema(definitions + run('schema', 'print', '-c', join(root, 'schema/weft.yaml')).replace(/^/, '\n')));
  check('a schema is clean', complaints.filter((it) => /Unknown directive|Unknown argument/.test(it.message)).length === 0, complaints.map((it) => it.message).join('; '));
} finally {
  rmSync(folder, { recursive: true });
}
for (const fault of faults) console.log(`FAILED ${fault}`);
console.log(`graphql-js: ${checked} checked, ${faults.length} failed`);
process.exit(faults.length === 0 && checked > 0 ? 0 : 1);
