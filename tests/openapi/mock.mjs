// Operations of imported graphs against mocks of their documents: node mock.mjs WEFT CACHE
//
// Prism answers as a document says and refuses requests that do not fit it; weft serves the imported schema in front of it. An answer is
// good when it has no errors and the values that were asked for.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [weft, cache] = process.argv.slice(2)
const mocks = [
  {
    name: 'netlify',
    document: 'npm/@netlify_open-api-2.60.0/package/dist/swagger.json',
    query: '{ sites(page: 1) { id name state } site(id: "a") { id name } }',
    good: (data) => Array.isArray(data.sites) && data.sites.length > 0 && 'id' in data.site,
  },
  {
    name: 'notion',
    document: 'npm/@notionhq_notion-mcp-server-2.5.2/package/scripts/notion-openapi.json',
    query: '{ usersMe { object id name bot { owner { type } } } }',
    good: (data) => typeof data.usersMe.id === 'string',
  },
  {
    name: 'directus',
    document: 'npm/@directus_specs-15.2.0/package/dist/openapi.json',
    query: '{ collections { collection } fields { collection field type } }',
    good: (data) => Array.isArray(data.collections) && Array.isArray(data.fields),
  },
]

const port = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })

/** Starts a process and waits until a line of its output fits. */
const start = (command, args, line) =>
  new Promise((done, fail) => {
    const child = spawn(command, args)
    let text = ''
    const hear = (chunk) => {
      text += chunk
      const found = text.match(line)
      if (found) done({ child, found: found[0] })
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('exit', (code) => fail(new Error(`${command} ended with ${code}\n${text}`)))
    setTimeout(() => fail(new Error(`${command} is not ready after 60 s\n${text}`)), 60_000).unref()
  })

let failed = 0
for (const { name, document, query, good } of mocks) {
  const started = []
  try {
    const at = await port()
    const prism = new URL('./node_modules/.bin/prism', import.meta.url).pathname
    started.push((await start(prism, ['mock', '--errors', '-h', '127.0.0.1', '-p', String(at), join(cache, document)], /Prism is listening/)).child)
    const folder = mkdtempSync(join(tmpdir(), 'weft-mock-'))
    const config = join(folder, 'weft.yaml')
    const schema = join(process.cwd(), cache, 'out', `${name}.graphql`)
    writeFileSync(config, `schema: ['${schema}']\nadmin: { listen: off }\nsources:\n  ${name}:\n    urls: [http://127.0.0.1:${at}]\n`)
    const { child, found } = await start(weft, ['serve', '-c', config, '--listen', '127.0.0.1:0'], /http:\/\/127\.0\.0\.1:\d+\/graphql/)
    started.push(child)
    const headers = { 'content-type': 'application/json', authorization: 'Bearer test' }
    const response = await fetch(found, { method: 'POST', headers, body: JSON.stringify({ query }) })
    const answer = await response.json()
    const fits = !answer.errors && good(answer.data)
    console.log(`${fits ? 'passed' : 'failed'}: mock of ${name}: ${query}${fits ? '' : `\n${JSON.stringify(answer, null, 1).slice(0, 1500)}`}`)
    failed += fits ? 0 : 1
  } catch (error) {
    console.log(`failed: mock of ${name}: ${error.message.slice(0, 1500)}`)
    failed += 1
  } finally {
    for (const child of started) {
      child.removeAllListeners('exit')
      child.kill('SIGKILL')
    }
  }
}
process.exit(failed ? 1 : 0)
