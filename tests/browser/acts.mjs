// Acts: asked for by our own pages alone, confirmed where they are dangerous, each on record once, and none shows a secret.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, test } from 'node:test';

import { Visitor, launch } from './browser.mjs';
import { CANARY, fullPlane } from './fill.mjs';
import { Caller, ask } from './http.mjs';
import { invalid, inaccessible, layAxe, none } from './judge.mjs';
import { until } from './plane.mjs';
import { acts, crawl, router, table } from './routes.mjs';

/** What cannot be undone, or lets somebody in: the last word of its address. */
const DANGEROUS = /\/(revoke|rotate|approve|deny|override|override-freeze|remove|replay)$/;

let plane;
let tokens;
let close;
let browser;
let caller;
let pages;

before(async () => {
  ({ plane, tokens, close } = await fullPlane());
  browser = await launch();
  caller = await Caller.signIn(plane.url, plane.admin);
  pages = await crawl(caller);
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

after(async () => {
  await browser?.close();
  await close?.();
});

/** What is on record, newest first. */
async function trail() {
  return (await plane.json(['audit', 'list'])).rows;
}

/** What came on record after this row. */
async function since(row) {
  return (await trail()).filter(({ seq }) => seq > row.seq);
}

test('no page shows a secret, a token or a secret parameter', async () => {
  const all = pages.map((page) => page.html).join('\n');
  // The pages are those of this control plane.
  for (const known of ['/contentcraft/supportbot/api-key', 'cc-agent-content-orchestrator', 'SupportBot']) {
    assert.ok(all.includes(known), `no page names ${known}`);
  }
  const unsaid = { CANARY, ...tokens, admin: plane.admin, cookie: caller.cookie.split('=')[1] };
  const wrong = [];
  for (const { address, html } of pages) {
    for (const [name, value] of Object.entries(unsaid)) {
      if (html.includes(value)) wrong.push(`${address} shows ${name}`);
    }
  }
  none(wrong);
  assert.ok(!plane.log().includes(CANARY), 'and the log holds none');
});

test("a form on another origin's page is refused, whether it is of the same site or not", async () => {
  const attacker = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><form method="post" action="${plane.url}/ui/agents/SupportBot/pause"><button>Win a prize</button></form>`);
  });
  await new Promise((resolve) => attacker.listen(0, '127.0.0.1', resolve));
  const { port } = attacker.address();
  const visitor = await Visitor.of(browser, plane);
  const [before] = await trail();
  for (const host of ['127.0.0.1', 'localhost']) {
    await visitor.page.goto(`http://${host}:${port}/`);
    const [response] = await Promise.all([
      visitor.page.waitForResponse((each) => each.url().startsWith(plane.url)),
      visitor.page.getByRole('button').click(),
    ]);
    assert.equal(response.status(), 403, host);
    assert.match(await response.headerValue('content-type'), /text\/html/);
  }
  assert.deepEqual((await since(before)).filter((row) => row.detail?.via === 'dashboard'), [], 'and nothing was done');
  attacker.close();
  await visitor.close();
});

test('a page of another origin can neither frame a page nor read it', async () => {
  const answer = await ask(`${plane.url}/ui/login`);
  assert.match(answer.headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  for (const { address } of pages.filter((page) => page.isFirst)) {
    const { headers } = await caller.get(address);
    assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/, address);
    assert.match(headers['cache-control'] ?? '', /no-store/, address);
  }
});

test('every dangerous act is confirmed on a page of its own', () => {
  const rows = table();
  const shown = new Set(rows.filter((row) => row.isPage).map((row) => row.pattern));
  const dangerous = rows.filter((row) => !row.isPage && DANGEROUS.test(row.pattern));
  assert.ok(dangerous.length > 0, 'there are dangerous acts');
  none(dangerous.map((row) => row.pattern).filter((pattern) => !shown.has(pattern)));
  // No other page holds the form that does it.
  const routeOf = router(rows);
  const wrong = pages.flatMap((page) =>
    acts(page.html)
      .filter((act) => DANGEROUS.test(act.split('?')[0]) && routeOf(act) !== page.route)
      .map((act) => `${page.address} does ${act} at one click`),
  );
  none(wrong);
});

/** What somebody types into a field of this name; other fields may stay empty. */
const TYPED = { reason: 'because of a test', url: 'http://127.0.0.1:9/hook', labels: 'host=web2' };

/** Fills what a form needs to know. */
async function fillForm(form) {
  for (const field of await form.locator('input:not([type=hidden]), textarea').all()) {
    const typed = TYPED[await field.getAttribute('name')];
    if (typed && (await field.inputValue()) === '') await field.fill(typed);
  }
}

/** The page whose form leads to this act, and where it does in this control plane: what waits is not looked for twice. */
async function doAct(visitor, address, act, note) {
  const { page } = visitor;
  await visitor.open(address);
  const form = page.locator(`form[method=post][action=${JSON.stringify(act)}]`).first();
  if ((await form.count()) === 0) return;
  await fillForm(form);
  const [before] = await trail();
  const sent = page.waitForResponse((each) => each.request().method() === 'POST');
  await form.locator('button[type=submit], button:not([type])').first().click();
  const status = (await sent).status();
  await page.waitForLoadState('load');
  if (status !== 200 && status !== 303) note(`it answers ${status}`);
  const rows = await since(before);
  const ours = rows.filter((row) => (row.detail?.via ?? row.via) === 'dashboard');
  if (ours.length !== 1) note(`${ours.length} audit rows via the dashboard: ${JSON.stringify(rows)}`);
  await layAxe(page, visitor.session);
  (await inaccessible(page)).forEach(note);
  visitor.complaints.take([status]).forEach(note);
  const html = await page.content();
  if (html.includes(CANARY)) note('it shows a secret');
}

test('every act that a page offers leaves one row on record, and none offends the CSP', async () => {
  const routeOf = router(table().filter((row) => !row.isPage));
  const known = new Map();
  for (const page of pages) {
    for (const act of acts(page.html)) {
      const route = routeOf(act);
      if (route !== '/ui/logout' && !known.has(route)) known.set(route, { address: page.address, act });
    }
  }
  assert.ok(known.size > 0, 'pages offer acts');
  const visitor = await Visitor.of(browser, plane);
  const wrong = [];
  // What is dangerous comes last: it takes away what others need.
  const order = [...known.values()].sort((one, other) => DANGEROUS.test(one.act) - DANGEROUS.test(other.act));
  for (const { address, act } of order) await doAct(visitor, address, act, (text) => wrong.push(`${act} (${address}): ${text}`));
  none(wrong);
  await visitor.close();
});

test('without scripts a token is revoked on a page of its own', async () => {
  const visitor = await Visitor.of(browser, plane, { scripts: false });
  const { page } = visitor;
  await visitor.open('/ui/agents/Worker1');
  await page.getByRole('link', { name: /revoke/i }).click();
  assert.match(page.url(), /\/ui\/agents\/Worker1\/revoke$/);
  const { json } = await plane.api('GET', '/v1/agents');
  assert.ok(json.agents.some((agent) => agent.name === 'Worker1'), 'looking does nothing');
  await page.locator('main form[method=post] button').first().click();
  await page.getByRole('status').waitFor();
  const rows = (await trail()).filter((row) => row.resource === 'Worker1' && /revoked/.test(row.action));
  assert.equal(rows.length, 1);
  none(await invalid(await page.content(), true));
  await visitor.close();
});

test('who only looks is offered no act, and is refused one', async () => {
  const looker = await Caller.signIn(plane.url, tokens.Looker);
  const offered = (await crawl(looker)).flatMap((page) => acts(page.html).map((act) => `${page.address} offers ${act}`));
  none(offered.filter((each) => !each.endsWith('/ui/logout')));
  const refused = await looker.post('/ui/agents/SupportBot/pause');
  assert.equal(refused.status, 403, refused.text);
});

test('a session ends with its token: an open page by itself, and without scripts at the next click', async () => {
  const token = await plane.addAgent('Passing', '--role', 'observer');
  const open = await Visitor.of(browser, plane, { token });
  const still = await Visitor.of(browser, plane, { token, scripts: false });
  await plane.command(['agents', 'revoke', 'Passing']);
  // Nobody clicks here: the page that is open leaves when it hears of the end, and a click would race with that.
  await open.page.locator('input[type=password]').waitFor();
  await still.page.getByRole('button', { name: 'Log out' }).waitFor();
  await still.page.getByRole('link', { name: 'Agents' }).first().click();
  await still.page.locator('input[type=password]').waitFor();
  await Promise.all([open.close(), still.close()]);
});

test('ten logins, two of them with a wrong token, in half a minute', async () => {
  const began = Date.now();
  for (let number = 0; number < 10; number += 1) {
    if (number === 3 || number === 6) {
      await assert.rejects(Caller.signIn(plane.url, `${plane.admin.slice(0, -4)}aaaa`));
    } else {
      await Caller.signIn(plane.url, plane.admin);
    }
  }
  assert.ok(Date.now() - began < 30_000);
});

test('the link of `open` is good once, and leads to a page with one button', async () => {
  const { url: link } = await plane.json(['open', '--no-browser']);
  const visitor = await Visitor.of(browser, plane, { token: null, scripts: false });
  await visitor.open(link);
  await visitor.open(link);
  const buttons = visitor.page.getByRole('button');
  assert.equal(await buttons.count(), 1, 'seen twice it is still good: looking does nothing');
  await buttons.click();
  await visitor.page.getByRole('button', { name: 'Log out' }).waitFor();
  const again = await Visitor.of(browser, plane, { token: null, scripts: false });
  await again.open(link);
  if ((await again.page.getByRole('button').count()) === 1) await again.page.getByRole('button').click();
  await until('it is good no more', async () => (await again.page.getByRole('button', { name: 'Log out' }).count()) === 0, 2);
  await Promise.all([visitor.close(), again.close()]);
});
