// GraphiQL of a running gateway in headless Chromium, every request to elsewhere blocked:
//
//   node run.mjs URL [--type PREFIX --expect FIELD] [--query FILE] [--answer TEXT] [--screenshot FILE] [--chromium PATH]
//
// It loads, completes PREFIX to FIELD, runs the query (the first tab's without --query) and finds TEXT in the answer.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    type: { type: 'string', default: '{ prod' },
    expect: { type: 'string', default: 'products' },
    query: { type: 'string' },
    answer: { type: 'string', default: '"data"' },
    screenshot: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const url = positionals[0];
if (!url) {
  console.error('usage: node run.mjs URL [options]');
  process.exit(2);
}

const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
const failures = [];
const outside = [];
let page;
try {
  page = await open();

  // Loads, with the schema known.
  const schema = page.waitForResponse((response) => response.request().postData()?.includes('__schema') ?? false);
  await page.goto(url);
  const editor = page.locator('.graphiql-editor .monaco-editor').first();
  await editor.waitFor();
  await schema;
  const first = await read(editor);
  console.log(`loaded; the first tab has ${first.length} characters`);

  // Completes a field.
  await write(editor, '');
  await page.keyboard.type(values.type);
  const row = page.locator('.suggest-widget .monaco-list-row', { hasText: values.expect }).first();
  await retry(async () => {
    if (!(await row.isVisible())) await page.keyboard.press('Control+Space');
    await row.waitFor({ timeout: 2_000 });
  });
  await row.click();
  const completed = await read(editor);
  if (!completed.includes(values.expect)) failures.push(`not completed: ${JSON.stringify(completed)}`);
  console.log(`completed: ${completed.trim()}`);

  // Runs a query: in a browser that has not been here, so that the tabs are those of the page.
  const address = new URL(url);
  if (values.query) address.searchParams.set('query', readFileSync(values.query, 'utf8'));
  page = await open();
  await page.goto(address.href);
  await page.locator('.graphiql-editor .view-line span').first().waitFor();
  await page.locator('.graphiql-execute-button').click();
  // An operation of several: the button asks which.
  const choice = page.locator('.graphiql-dropdown-content [role=menuitem]').first();
  if (await choice.isVisible().catch(() => false)) await choice.click();
  const result = page.locator('.result-window, .graphiql-response').first();
  await retry(async () => {
    const text = await result.innerText();
    if (!text.replaceAll('\u00a0', ' ').includes(values.answer)) throw new Error(`no ${values.answer} in: ${text}`);
  });
  console.log('ran the query');
  if (values.screenshot) await page.screenshot({ path: values.screenshot });
} catch (error) {
  failures.push(String(error));
  if (page && values.screenshot) await page.screenshot({ path: values.screenshot }).catch(() => {});
} finally {
  await browser.close();
}

for (const address of outside) failures.push(`asked elsewhere: ${address}`);
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(failures.length === 0 ? 'passed' : `${failures.length} failures`);
process.exit(failures.length === 0 ? 0 : 1);

/** A page of a fresh browser that can ask nobody but the gateway. */
async function open() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const origin = new URL(url).origin;
  await context.route('**/*', (route) => {
    const asked = new URL(route.request().url());
    if (asked.origin === origin || asked.protocol === 'data:' || asked.protocol === 'blob:') return route.continue();
    outside.push(asked.href);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('console', (message) => {
    if (message.type() === 'error') failures.push(`console: ${message.text().slice(0, 300)}`);
  });
  page.on('pageerror', (error) => failures.push(`page: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
  });
  return page;
}

/** Replaces the text of an editor. */
async function write(editor, text) {
  await editor.click({ position: { x: 120, y: 12 } });
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  if (text) await page.keyboard.insertText(text);
}

/** What an editor shows. */
async function read(editor) {
  const lines = await editor.locator('.view-line').allInnerTexts();
  return lines.join('\n').replaceAll('\u00a0', ' ');
}

/** Until it works, at most half a minute. */
async function retry(work) {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > end) throw error;
      await page.waitForTimeout(100);
    }
  }
}
