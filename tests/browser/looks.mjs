// How pages are to people: told without colour, in their own time, on paper, in a narrow window and with other colours.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { Visitor, launch } from './browser.mjs';
import { fullPlane } from './fill.mjs';
import { Caller } from './http.mjs';
import { sideways } from './judge.mjs';
import { until } from './plane.mjs';
import { crawl } from './routes.mjs';

let plane;
let close;
let browser;
let pages;

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

function none(found) {
  assert.equal(found.length, 0, `\n${found.join('\n')}\n`);
}

const firsts = () => pages.filter((page) => page.isFirst);

test('a status is told by its shape and its word where there are no colours', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  const session = await visitor.context.newCDPSession(page);
  await session.send('Emulation.setEmulatedVisionDeficiency', { type: 'achromatopsia' });
  const [wrong, shapes] = [[], new Map()];
  for (const { address } of firsts()) {
    await visitor.open(address);
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
      if (!word || !isDrawn) wrong.push(`${address}: a status is not told: ${tone} "${word}"`);
      shapes.set(tone, new Set([...(shapes.get(tone) ?? []), shape]));
    }
  }
  assert.ok(shapes.size >= 3, `there are several: ${[...shapes.keys()]}`);
  const each = [...shapes.values()].map((drawn) => [...drawn].join());
  assert.equal(new Set(each).size, each.length, 'each tone has a shape of its own');
  // In grey, each is told from the page behind it.
  await visitor.open('/ui/agents');
  const grey = await page.locator('main .status svg').first().screenshot();
  assert.ok(grey.length > 0);
  none(wrong);
  await visitor.close();
});

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

test('on paper there is the content, and no navigation', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  const wrong = [];
  for (const { address } of firsts()) {
    await visitor.open(address);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const seen = await page.evaluate(() => {
      const light = (colour) => (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
      return {
        navigation: [...document.querySelectorAll('nav')].some((each) => each.checkVisibility()),
        buttons: [...document.querySelectorAll('button')].some((each) => each.checkVisibility()),
        title: document.querySelector('h1').checkVisibility(),
        ink: light(getComputedStyle(document.body).color),
      };
    });
    if (seen.navigation) wrong.push(`${address}: the navigation is printed`);
    if (seen.buttons) wrong.push(`${address}: a button is printed`);
    if (!seen.title) wrong.push(`${address}: the title is not printed`);
    if (Math.max(...seen.ink) > 140) wrong.push(`${address}: it is printed in light ink, ${seen.ink}`);
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  }
  const paper = await page.pdf({ format: 'A4' });
  assert.equal(paper.subarray(0, 5).toString(), '%PDF-');
  none(wrong);
  await visitor.close();
});

test('every page there is, and not only one of a kind, fits a window of 320 px', async () => {
  const visitor = await Visitor.of(browser, plane);
  await visitor.page.setViewportSize({ width: 320, height: 640 });
  const wrong = [];
  for (const { address } of pages) {
    await visitor.open(address);
    wrong.push(...(await sideways(visitor.page)).map((each) => `${address}: ${each}`));
  }
  none(wrong);
  await visitor.close();
});

test('letters of twice the size lose nothing', async () => {
  const visitor = await Visitor.of(browser, plane);
  const wrong = [];
  for (const { address } of firsts()) {
    await visitor.open(address);
    const session = await visitor.context.newCDPSession(visitor.page);
    await session.send('Emulation.setDeviceMetricsOverride', { width: 640, height: 450, deviceScaleFactor: 2, mobile: false });
    wrong.push(...(await sideways(visitor.page)).map((each) => `${address}: ${each}`));
    await session.detach();
  }
  none(wrong);
  await visitor.close();
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
