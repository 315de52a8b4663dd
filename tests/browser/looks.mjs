// How pages are to people: told without colour, in their own time, on paper, in a narrow window and with other colours.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { Visitor, launch } from './browser.mjs';
import { fullPlane } from './fill.mjs';
import { Caller } from './http.mjs';
import { none, sideways } from './judge.mjs';
import { until } from './plane.mjs';
import { crawl } from './routes.mjs';

let plane;
let close;
let browser;
let pages;

/** What is wrong with each page, by what it was looked at for: every page is opened once. */
const wrong = { colour: [], paper: [], narrow: [], large: [] };

/** The shapes that each tone of a status was seen in. */
const shapes = new Map();

before(async () => {
  ({ plane, close } = await fullPlane());
  browser = await launch();
  pages = (await crawl(await Caller.signIn(plane.url, plane.admin))).filter((page) => page.type.startsWith('text/html'));
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

after(async () => {
  await browser?.close();
  await close?.();
});

/** What a status is told by, on the page that is open. */
async function lookAtStatuses(page, address) {
  const seen = await page.locator('main .status').evaluateAll((all) =>
    all.filter((each) => each.checkVisibility()).map((each) => {
      const shape = each.querySelector('svg');
      const box = shape?.getBoundingClientRect();
      return {
        tone: [...each.classList].filter((name) => name !== 'status').join(' '),
        word: each.innerText.trim(),
        shape: shape?.innerHTML ?? '',
        isDrawn: Boolean(box && box.width >= 6 && box.height >= 6),
      };
    }),
  );
  for (const { tone, word, shape, isDrawn } of seen) {
    if (!word || !isDrawn) wrong.colour.push(`${address}: a status is not told: ${tone} "${word}"`);
    shapes.set(tone, new Set([...(shapes.get(tone) ?? []), shape]));
  }
}

/** What would be printed, also where the screen is dark. */
async function lookAtPaper(page, address) {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const seen = await page.evaluate(() => ({
    navigation: [...document.querySelectorAll('nav')].some((each) => each.checkVisibility()),
    buttons: [...document.querySelectorAll('button')].some((each) => each.checkVisibility()),
    title: document.querySelector('h1').checkVisibility(),
    ink: (getComputedStyle(document.body).color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number),
  }));
  if (seen.navigation) wrong.paper.push(`${address}: the navigation is printed`);
  if (seen.buttons) wrong.paper.push(`${address}: a button is printed`);
  if (!seen.title) wrong.paper.push(`${address}: the title is not printed`);
  if (Math.max(...seen.ink) > 140) wrong.paper.push(`${address}: it is printed in light ink, ${seen.ink}`);
  await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
}

/** What sticks out at this width. */
async function lookAtWidth(page, address, width, found) {
  await page.setViewportSize({ width, height: 640 });
  found.push(...(await sideways(page)).map((each) => `${address}: ${each}`));
}

/** Every page there is, and not only one of a kind. */
async function lookAtAll(visitor) {
  const { page } = visitor;
  for (const { address } of pages) {
    await visitor.open(address);
    await lookAtStatuses(page, address);
    await lookAtWidth(page, address, 320, wrong.narrow);
    await lookAtWidth(page, address, 640, wrong.large);
    await lookAtPaper(page, address);
  }
}

test('every page can be looked at', async () => {
  const visitor = await Visitor.of(browser, plane);
  const session = await visitor.context.newCDPSession(visitor.page);
  await session.send('Emulation.setEmulatedVisionDeficiency', { type: 'achromatopsia' });
  await lookAtAll(visitor);
  const paper = await visitor.page.pdf({ format: 'A4' });
  assert.equal(paper.subarray(0, 5).toString(), '%PDF-');
  assert.deepEqual(visitor.complaints.take(), []);
});

test('a status is told by its shape and its word where there are no colours', () => {
  none(wrong.colour);
  assert.ok(shapes.size >= 3, `there are several: ${[...shapes.keys()]}`);
  const drawn = [...shapes.values()].map((each) => [...each].join());
  assert.equal(new Set(drawn).size, drawn.length, 'each tone has a shape of its own');
});

test('on paper there is the content, and no navigation', () => none(wrong.paper));

test('every page fits a window of 320 px', () => none(wrong.narrow));

test('letters of twice the size lose nothing', () => none(wrong.large));

test('a time is told in UTC, and with scripts in the zone of who looks', async () => {
  const zone = { timezoneId: 'Asia/Kolkata', locale: 'en-GB' };
  const plain = await Visitor.of(browser, plane, { ...zone, scripts: false });
  await plain.open('/ui/audit');
  const moment = plain.page.locator('main time').first();
  const machine = await moment.getAttribute('datetime');
  assert.match(machine, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.match(await moment.innerText(), new RegExp(`${machine.slice(11, 16)}.*UTC`), 'without scripts it is UTC, and says so');

  const lively = await Visitor.of(browser, plane, zone);
  await lively.open('/ui/audit');
  const local = new Date(Date.parse(machine) + 5.5 * 3_600_000).toISOString().slice(11, 16);
  const shown = lively.page.locator(`main time[datetime="${machine}"]`).first();
  await until(`${local} of Kolkata is told`, async () => {
    const told = `${await shown.innerText()} ${await shown.getAttribute('title')}`;
    return told.includes(local) && told.includes(machine.slice(11, 16));
  }, 3);
  await Promise.all([plain.close(), lively.close()]);
});

test('where the system has colours of its own, what can be pressed is still seen', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  await page.emulateMedia({ forcedColors: 'active' });
  await visitor.open('/ui/agents');
  const drawn = await page.locator('main .status svg').first().evaluate((each) => {
    const part = each.firstElementChild;
    const { fill, stroke } = getComputedStyle(part);
    return fill !== 'none' || stroke !== 'none';
  });
  assert.ok(drawn);
  await visitor.close();
});

test('a page weighs less than 150 kB, and what it loads less than 30 kB on the way', async () => {
  const wrong = pages.filter((page) => Buffer.byteLength(page.html) > 150_000).map((page) => `${page.address}: ${Buffer.byteLength(page.html)} bytes`);
  none(wrong);
  const visitor = await Visitor.of(browser, plane);
  const session = await visitor.context.newCDPSession(visitor.page);
  await session.send('Network.enable');
  let bytes = 0;
  const documents = new Set();
  session.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'Document' || type === 'EventSource') documents.add(requestId);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!documents.has(requestId)) bytes += encodedDataLength;
  });
  await visitor.context.clearCookies();
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await visitor.signIn(plane.admin);
  bytes = 0;
  await visitor.open('/ui');
  await until('what it loads is there', () => bytes > 0, 3);
  assert.ok(bytes < 30_000, `${bytes} bytes of assets`);
  await visitor.close();
});
