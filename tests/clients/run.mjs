// Clients that name documents instead of sending them, as their users set them up, against weft: `node run.mjs PATH_OF_WEFT`.
// Automatic persisted queries by Apollo Client and urql; trusted documents by the builds of Apollo, Relay and graphql-codegen.
// What reaches weft is counted as often as what is answered. Exit code 0 when all is as expected.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { generatePersistedQueryIdsFromManifest } from '@apollo/persisted-query-lists';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { transformSync } from 'esbuild';
import relay from 'relay-runtime';

if (!process.argv[2]) {
  console.error('usage: node run.mjs PATH_OF_WEFT');
  process.exit(2);
}
const weft = resolve(process.argv[2]);
const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weft-clients-'));
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
// Tools look for their plugins from where they run.
symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
// None outlives the tests, however they end.
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill()));
let checked = 0;
const faults = [];
const same = (name, found, expected) => {
  checked += 1;
  if (!isDeepStrictEqual(found, expected)) {
    faults.push(`${name}:\n  found    ${JSON.stringify(found)}\n  expected ${JSON.stringify(expected)}`);
  }
};

// ---- what answers behind weft ----
const BOOKS = { 1: { id: '1', title: 'Kindred', pages: 264 }, 2: { id: '2', title: 'Dune', pages: 612 } };
const service = await listen((request, body, response) => {
  const book = BOOKS[request.url.split('/').pop()];
  const answer = request.method === 'POST' ? { ...book, title: JSON.parse(body).title } : book;
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
});
const SCHEMA = `extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "books", http: { baseURL: "${service.origin}" })
type Query {
  book(id: ID!): Book @connect(source: "books", http: { GET: "/books/{$args.id}" }, selection: "id title pages")
}
type Mutation {
  rename(id: ID!, title: String!): Book
    @connect(source: "books", http: { POST: "/books/{$args.id}", body: "title: $args.title" }, selection: "id title pages")
}
type Book { id: ID! title: String pages: Int }
`;
writeFileSync(join(folder, 'shop.graphql'), SCHEMA);

/** Answers by `handle(request, body, response)` on a free port. */
async function listen(handle) {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => handle(request, Buffer.concat(parts), response));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/**
 * A weft with these settings of documents, and what stands before it and writes down what comes. `page`: the origin of a page
 * whose browser asks, `origins`: those that weft allows.
 */
async function start(documents, { page, origins = [] } = {}) {
  const config = join(folder, `weft-${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(config, JSON.stringify({ schema: ['shop.graphql'], admin: { listen: 'off' }, server: { cors: { origins } }, documents }));
  const child = spawn(weft, ['serve', '-c', config, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let log = '';
  child.stderr.on('data', (text) => (log += text));
  const url = await new Promise((ready, failed) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = line.match(/http:\/\/127\.0\.0\.1:\d+\/graphql/);
      if (found) ready(found[0]);
    });
    child.on('exit', () => failed(new Error(`weft does not start: ${log}`)));
  });
  const seen = [];
  const proxy = await listen(async (request, body, response) => {
    const asked = request.method === 'GET' ? fromUrl(request.url) : JSON.parse(body);
    const { host, connection, 'content-length': length, 'transfer-encoding': coding, ...headers } = request.headers;
    const browser = page ? { 'user-agent': 'Mozilla/5.0 Chrome/140', 'sec-fetch-site': 'same-site', origin: page } : {};
    const target = url.replace('/graphql', request.url);
    const answer = await fetch(target, {
      method: request.method,
      headers: { ...headers, ...browser, 'accept-encoding': 'identity' },
      body: request.method === 'GET' ? undefined : body,
    });
    const text = await answer.text();
    const code = JSON.parse(text).errors?.[0]?.extensions?.code;
    // One line for each request: how it came, what it carried, what came of it.
    const carried = [asked.query && 'text', asked.extensions?.persistedQuery && 'hash', asked.documentId && 'id'];
    seen.push(`${request.method} ${carried.filter(Boolean).join('+')} ${code ?? 'ok'}`);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
  });
  const stop = () => new Promise((ended) => {
    proxy.server.closeAllConnections();
    proxy.server.close();
    child.removeAllListeners('exit');
    child.on('exit', () => (children.delete(child), ended(log)));
    child.kill();
  });
  // What came since the last time.
  return { url: `${proxy.origin}/graphql`, origin: url, seen: () => seen.splice(0), stop };
}

function fromUrl(url) {
  const parameters = new URL(url, 'http://x').searchParams;
  const extensions = parameters.get('extensions');
  return { ...Object.fromEntries(parameters), extensions: extensions ? JSON.parse(extensions) : undefined };
}

// ---- automatic persisted queries ----
const BOOK = 'query Book($id: ID!) { book(id: $id) { id title pages } }';
const RENAME = 'mutation Rename($id: ID!, $title: String!) { rename(id: $id, title: $title) { id title } }';

const apollo = (url, options) => {
  const client = new ApolloClient({
    link: createPersistedQueryLink({ sha256, ...options }).concat(new HttpLink({ uri: url })),
    cache: new InMemoryCache(),
    defaultOptions: { query: { fetchPolicy: 'no-cache', errorPolicy: 'all' }, mutate: { fetchPolicy: 'no-cache' } },
  });
  return {
    query: async (text, variables) => (await client.query({ query: gql(text), variables })).data,
    mutate: async (text, variables) => (await client.mutate({ mutation: gql(text), variables })).data,
  };
};
const urql = (url, options) => {
  const client = new Client({ url, exchanges: [persistedExchange(options), fetchExchange], requestPolicy: 'network-only' });
  return {
    query: async (text, variables) => (await client.query(text, variables).toPromise()).data,
    mutate: async (text, variables) => (await client.mutation(text, variables).toPromise()).data,
  };
};
const typed = ({ id, title, pages }) => ({ __typename: 'Book', id, title, ...(pages ? { pages } : {}) });
const plain = ({ id, title, pages }) => ({ id, title, ...(pages ? { pages } : {}) });

/** Miss, register, hit. `shape`: what an answer has, `hash`, `text`: the methods for hashes alone and for texts with theirs. */
async function automatic(name, at, shape, [hash, text], options) {
  const gateway = await start({ apq: true }, options);
  const client = at(gateway.url);
  const book = async (id) => (await client.query(BOOK, { id }))?.book;
  same(`${name}: the first time`, await book('1'), shape(BOOKS[1]));
  same(`${name}: a hash that is not known, then the text with it`, gateway.seen(), [
    `${hash} hash PERSISTED_QUERY_NOT_FOUND`, `${text} text+hash ok`,
  ]);
  same(`${name}: other variables`, await book('2'), shape(BOOKS[2]));
  same(`${name}: the hash alone`, gateway.seen(), [`${hash} hash ok`]);
  same(`${name}: again`, await book('1'), shape(BOOKS[1]));
  same(`${name}: the hash alone, again`, gateway.seen(), [`${hash} hash ok`]);
  const renamed = await client.mutate(RENAME, { id: '2', title: 'Arrakis' });
  same(`${name}: a mutation`, renamed?.rename, shape({ id: '2', title: 'Arrakis' }));
  const lines = gateway.seen();
  same(`${name}: a mutation comes by POST`, lines.every((line) => line.startsWith('POST')) && lines.at(-1).endsWith('ok'), true);
  await gateway.stop();
}

async function switchedOff(name, at, shape, text) {
  const gateway = await start({ apq: false });
  const client = at(gateway.url);
  same(`${name}, switched off: the first`, (await client.query(BOOK, { id: '1' }))?.book, shape(BOOKS[1]));
  same(`${name}, switched off: the hash, then the text`, gateway.seen().map((line) => line.replace(/^\w+ /, '')), [
    'hash PERSISTED_QUERY_NOT_SUPPORTED', 'text ok',
  ]);
  same(`${name}, switched off: the second`, (await client.query(BOOK, { id: '2' }))?.book, shape(BOOKS[2]));
  same(`${name}, switched off: no hash any more`, gateway.seen(), [`${text} text ok`]);
  await gateway.stop();
}

// ---- trusted documents ----
/** Runs a tool of node_modules in the folder. */
const tool = (script, ...args) => {
  try {
    return execFileSync(process.execPath, [join(here, 'node_modules', script), ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${script}: ${error.stdout}${error.stderr}`);
  }
};

async function trusted() {
  const list = join(folder, 'trusted');
  mkdirSync(list, { recursive: true });
  writeFileSync(join(folder, 'api.graphql'), execFileSync(weft, ['schema', 'print', '--schema', 'shop.graphql'], { cwd: folder, encoding: 'utf8' }));

  // Apollo's manifest, of documents as Apollo Client sends them.
  mkdirSync(join(folder, 'apollo'));
  writeFileSync(join(folder, 'apollo/book.graphql'), `${BOOK}\n`);
  writeFileSync(join(folder, 'apollo/rename.graphql'), `${RENAME}\n`);
  writeFileSync(join(folder, 'manifest.config.json'), JSON.stringify({ documents: ['apollo/*.graphql'], output: 'trusted/apollo.json' }));
  tool('@apollo/generate-persisted-query-manifest/cli.js', '--config', 'manifest.config.json');
  const manifest = JSON.parse(readFileSync(join(list, 'apollo.json'), 'utf8'));
  same('Apollo: documents in the manifest', manifest.operations.map(({ name }) => name).sort(), ['Book', 'Rename']);

  // Relay's compiler: the artifacts have ids instead of texts.
  mkdirSync(join(folder, 'relay/__generated__'), { recursive: true });
  writeFileSync(join(folder, 'relay/page.js'), `
    graphql\`query pageBookQuery($id: ID!) { book(id: $id) { ...page_book } }\`;
    graphql\`fragment page_book on Book { id title pages }\`;
    graphql\`mutation pageRenameMutation($id: ID!, $title: String!) { rename(id: $id, title: $title) { id title } }\`;
  `);
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify({
    src: './relay', schema: './api.graphql', language: 'javascript', artifactDirectory: './relay/__generated__',
    persistConfig: { file: './trusted/relay.json', algorithm: 'SHA256' },
  }));
  writeFileSync(join(list, 'relay.json'), '{}');
  tool('relay-compiler/cli.js', 'relay.config.json');

  // graphql-codegen's client preset: documents that know their hash.
  mkdirSync(join(folder, 'codegen'));
  writeFileSync(join(folder, 'codegen/documents.graphql'), `${BOOK}\n${RENAME}\n`.replaceAll('Book(', 'CodegenBook(').replaceAll('Rename(', 'CodegenRename('));
  writeFileSync(join(folder, 'codegen.yml'), JSON.stringify({
    schema: './api.graphql', documents: './codegen/*.graphql',
    generates: { './codegen/out/': { preset: 'client', presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } } } },
  }));
  tool('@graphql-codegen/cli/esm/bin.js', '--config', 'codegen.yml');
  writeFileSync(join(list, 'codegen.json'), readFileSync(join(folder, 'codegen/out/persisted-documents.json')));

  const gateway = await start({ trusted: list, only_trusted: true });
  const post = async (body) => (await fetch(gateway.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();

  // Apollo Client finds the id in the manifest.
  for (const get of [false, true]) {
    const ids = generatePersistedQueryIdsFromManifest({ loadManifest: async () => manifest });
    const client = apollo(gateway.url, { sha256: undefined, ...ids, useGETForHashedQueries: get });
    same(`Apollo Client, GET ${get}: trusted`, (await client.query(BOOK, { id: '1' }))?.book, typed(BOOKS[1]));
    same(`Apollo Client, GET ${get}: one request`, gateway.seen(), [`${get ? 'GET' : 'POST'} hash ok`]);
    same(`Apollo Client, GET ${get}: a mutation`, (await client.mutate(RENAME, { id: '1', title: 'New' }))?.rename, typed({ id: '1', title: 'New' }));
    same(`Apollo Client, GET ${get}: one request for it, by POST`, gateway.seen(), ['POST hash ok']);
  }

  // urql with documents of codegen, and nothing but hashes.
  const out = join(folder, 'codegen/out/graphql.mjs');
  writeFileSync(out, transformSync(readFileSync(join(folder, 'codegen/out/graphql.ts'), 'utf8'), { loader: 'ts' }).code);
  const { CodegenBookDocument, CodegenRenameDocument } = await import(out);
  const generateHash = async (_, document) => document.__meta__?.hash;
  for (const get of [false, 'force']) {
    const options = { enforcePersistedQueries: true, enableForMutation: true, generateHash, preferGetForPersistedQueries: get };
    const client = urql(gateway.url, options);
    same(`urql, GET ${get}: trusted`, (await client.query(CodegenBookDocument, { id: '2' }))?.book, plain(BOOKS[2]));
    same(`urql, GET ${get}: one request`, gateway.seen(), [`${get ? 'GET' : 'POST'} hash ok`]);
    same(`urql, GET ${get}: a mutation`, (await client.mutate(CodegenRenameDocument, { id: '2', title: 'New' }))?.rename, plain({ id: '2', title: 'New' }));
    same(`urql, GET ${get}: one request for it, by POST`, gateway.seen(), ['POST hash ok']);
  }

  // Relay: the network of its documentation, with the name that GraphQL over HTTP has for the id.
  const { Environment, Network, RecordSource, Store, commitMutation, fetchQuery } = relay;
  const network = Network.create(({ id, text }, variables) => {
    same('Relay: artifacts have no text', text, null);
    return post({ documentId: id, variables });
  });
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  const artifact = (name) => createRequire(import.meta.url)(join(folder, 'relay/__generated__', `${name}.graphql.js`));
  const read = await fetchQuery(environment, artifact('pageBookQuery'), { id: '1' }).toPromise();
  same('Relay: a query', read.book.__id, '1');
  same('Relay: what is in its store', environment.getStore().getSource().get('1'), {
    __id: '1', __typename: 'Book', id: '1', title: 'Kindred', pages: 264,
  });
  const written = await new Promise((onCompleted, onError) => {
    commitMutation(environment, { mutation: artifact('pageRenameMutation'), variables: { id: '1', title: 'New' }, onCompleted, onError });
  });
  same('Relay: a mutation', written.rename, { id: '1', title: 'New' });
  same('Relay: requests', gateway.seen(), ['POST id ok', 'POST id ok']);

  // What no build has made is not run, and reaches no service.
  const other = urql(gateway.url, { enforcePersistedQueries: true, generateHash: async (text) => sha256(text) });
  same('another document', await other.query('{ book(id: "1") { pages } }', {}), undefined);
  same('another document: it is not in the list, and nobody asks twice', gateway.seen(), ['GET hash PERSISTED_QUERY_NOT_IN_LIST']);
  await gateway.stop();
}

try {
  const page = 'https://app.example';
  const apolloBy = (useGETForHashedQueries) => (url) => apollo(url, { useGETForHashedQueries });
  await automatic('Apollo Client, POST', apolloBy(false), typed, ['POST', 'POST']);
  await automatic('Apollo Client, GET', apolloBy(true), typed, ['GET', 'POST']);
  // Its GETs have a header that a browser asks about first, so they pass the prevention of CSRF whatever page they come from.
  await automatic('Apollo Client, GET of a page', apolloBy(true), typed, ['GET', 'POST'], { page });
  const urqlBy = (preferGetForPersistedQueries) => (url) => urql(url, { preferGetForPersistedQueries, enableForMutation: true });
  await automatic('urql, POST', urqlBy(false), plain, ['POST', 'POST']);
  await automatic('urql, GET', urqlBy('force'), plain, ['GET', 'GET']);
  // Its GETs have none: a page has to be one of `server.cors.origins`.
  await automatic('urql, GET of a page', urqlBy('force'), plain, ['GET', 'GET'], { page, origins: [page] });
  const stranger = await start({ apq: true }, { page });
  same('urql, GET of a page that is not allowed', (await urqlBy('force')(stranger.url).query(BOOK, { id: '1' })), undefined);
  same('urql, GET of a page that is not allowed: refused', stranger.seen(), ['GET hash CSRF_PREVENTION_FAILED']);
  await stranger.stop();
  await switchedOff('Apollo Client', (url) => apollo(url, {}), typed, 'POST');
  await switchedOff('urql', (url) => urql(url, {}), plain, 'GET');
  await trusted();
} finally {
  service.server.closeAllConnections();
  service.server.close();
  rmSync(folder, { recursive: true });
}
for (const fault of faults) console.log(`FAILED ${fault}`);
console.log(`clients: ${checked} checked, ${faults.length} failed`);
process.exit(faults.length === 0 && checked > 0 ? 0 : 1);
