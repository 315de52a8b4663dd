// Every page, with scripts and without, light and dark, on a phone and at a desk, of a control plane in which nothing ever
// happened, of one in which much did, and of one whose store refuses. Which of these: the first argument.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { Visitor, launch } from './browser.mjs';
import { fullPlane } from './fill.mjs';
import { Caller } from './http.mjs';
import { WIDTHS, invalid, judge, layAxe, none } from './judge.mjs';
import { Plane } from './plane.mjs';
import { crawl, table } from './routes.mjs';

const STATE = process.argv[2];

/** What a page of no state may lack: a row of the table that no link leads to, and why. */
const UNLINKED = new Map([
  ['/ui/login', 'it is where one is led who has not signed in'],
  ['/ui/open', 'it is where the link of `cc-devops open` leads'],
  ['/ui/webhooks/outbox/{consumer}', 'it is offered where an event was set aside'],
  ['/ui/webhooks/outbox/{consumer}/replay', 'it is offered where an event was set aside'],
  ['/ui/live', 'it is the stream by which open pages are told what changed'],
  ['/ui/deploys/{plan}/override', 'it is offered while a freeze stops a plan'],
  ['/ui/health/maintenance/end', 'it is offered during maintenance'],
]);

/** The narrowest window in which nothing may stick out, in px: WCAG's 1280 px at 400 %. */
const NARROWEST = 320;

let plane;
let tokens;
let close;
let browser;
let pages;
let caller;

before(async () => {
  if (STATE === 'empty') plane = await Plane.start();
  else ({ plane, tokens, close } = await fullPlane({ breakable: STATE === 'failing' }));
  browser = await launch();
  caller = await Caller.signIn(plane.url, plane.admin);
  pages = await crawl(caller);
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

after(async () => {
  await browser?.close();
  await (close ? close() : plane?.stop());
});

const isShown = (page) => page.isFirst && page.type.startsWith('text/html');

/** The pages that are looked at in every light. Where the store refuses, those that the navigation leads to: all say the same. */
const shown = () => pages.filter((page) => isShown(page) && (STATE !== 'failing' || /^\/ui(\/\w+)?$/.test(page.route)));

/** Opens every page that is the first of its route, and gives what is wrong with each in any light. */
async function wrongs(visitor, expected) {
  const found = [];
  for (const { address } of shown()) {
    const status = await visitor.open(address);
    const note = (text) => found.push(`${address}: ${text}`);
    if (status !== expected) note(`it answers ${status}, not ${expected}`);
    await layAxe(visitor.page, visitor.session);
    (await judge(visitor.page, [...WIDTHS, NARROWEST])).forEach(note);
    visitor.complaints.take(expected === 200 ? [] : [expected]).forEach(note);
  }
  return found;
}

/** With scripts and without, at once: there are two cores. `change` is what happens once both have signed in. */
async function inEveryLight(expected, change = () => {}) {
  const visitors = await Promise.all([true, false].map((scripts) => Visitor.of(browser, plane, { scripts })));
  await change();
  const [on, off] = await Promise.all(visitors.map((visitor) => wrongs(visitor, expected)));
  await Promise.all(visitors.map((visitor) => visitor.close()));
  none([...off.map((each) => `without scripts ${each}`), ...on.filter((each) => !off.includes(each)).map((each) => `with scripts ${each}`)]);
}

/** Makes the store unreadable; what was remembered of it is made old by something new. */
async function breakStore() {
  const name = `/contentcraft/supportbot/broken-${Date.now()}`;
  await plane.request('SupportBot', tokens.SupportBot, name, 'putSecret', { name, value: 'v' });
  plane.fail('read 5');
}

if (STATE === 'failing') {
  test('where the store cannot be read every page says so in every light, and nobody is logged out', async () => {
    await inEveryLight(503, breakStore);
    const wrong = [];
    for (const { address } of pages.filter(isShown)) {
      const { status, headers, text } = await caller.get(address);
      if (status !== 503 || headers['set-cookie']) wrong.push(`${address}: ${status}, cookie ${headers['set-cookie']}`);
      wrong.push(...(await invalid(text)).map((each) => `${address}: ${each}`));
    }
    plane.fail();
    none(wrong);
    assert.equal((await caller.get('/ui')).status, 200, 'who was signed in still is');
  });

  test('where nothing can be written acts say so, and pages are read', async () => {
    plane.fail('write 5');
    try {
      const act = await caller.post('/ui/agents/SupportBot/pause');
      assert.equal(act.status, 503, act.text);
      assert.equal(act.headers['set-cookie'], undefined);
      none(await invalid(act.text));
      assert.equal((await caller.get('/ui')).status, 200);
    } finally {
      plane.fail();
    }
  });
} else {
  test('every page of the table is reached by links', { skip: STATE === 'empty' && 'nothing is there to be linked to' }, () => {
    const reached = new Set(pages.map((page) => page.route));
    const all = table().filter((row) => row.isPage && !UNLINKED.has(row.pattern));
    none(all.map((row) => row.pattern).filter((pattern) => !reached.has(pattern)));
  });

  test('every page is valid HTML and answers well', async () => {
    const wrong = [];
    for (const { address, status, type, html } of pages) {
      if (status !== 200) wrong.push(`${address}: it answers ${status}`);
      if (!type.startsWith('text/html')) continue;
      wrong.push(...(await invalid(html)).map((each) => `${address}: ${each}`));
    }
    none(wrong);
  });

  test('every page is good in every light', () => inEveryLight(200));

  test('so are the pages of who has not signed in, may not, or is lost', async () => {
    const visitor = await Visitor.of(browser, plane, { token: null });
    const wrong = [];
    const look = async (where, expected) => {
      const html = await visitor.page.content();
      wrong.push(...(await invalid(html, true)).map((each) => `${where}: ${each}`));
      await layAxe(visitor.page);
      wrong.push(...(await judge(visitor.page, WIDTHS)).map((each) => `${where}: ${each}`));
      wrong.push(...visitor.complaints.take(expected));
    };
    await visitor.open('/ui');
    await look('login', []);
    await visitor.page.locator('input[type=password]').fill('no-token-of-ours');
    await visitor.page.getByRole('button', { name: 'Log in' }).click();
    await visitor.page.getByRole('alert').waitFor();
    await look('a wrong login', [401]);
    await visitor.signIn(plane.admin);
    assert.equal(await visitor.open('/ui/no-such-page'), 404);
    await look('a page that is not there', [404]);
    await visitor.close();
    none(wrong);
  });
}
