// What changes while pages are open: shown within two seconds, by one stream a browser, and in nobody's way.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Visitor, launch } from './browser.mjs';
import { chromium, chromiumProgram } from './peers.mjs';
import { Plane, until } from './plane.mjs';
import { Proxy } from './proxy.mjs';

/** Within which what changed shows, in milliseconds. */
const SHOWN = 2_000;

let plane;
let proxy;
let browser;

before(async () => {
  plane = await Plane.start();
  proxy = await Proxy.before(plane.url);
  for (const name of ['Able', 'Middle', 'Zulu']) await plane.addAgent(name);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await proxy?.close();
  await plane?.stop();
});

async function visit() {
  const visitor = await Visitor.of(browser, { url: proxy.url, admin: plane.admin });
  // Where the button of the login was, a row may be: what is pointed at waits.
  await visitor.page.mouse.move(2, 2);
  return visitor;
}

/** Waits until a page has its stream, or is told by the tab that has it. */
const listening = () => until('a stream is open', () => proxy.streams() > 0);

test('ten tabs over HTTP/1.1: each is there in a second, all see a change, and one stream serves them', async () => {
  const visitor = await visit();
  const tabs = [visitor.page];
  while (tabs.length < 10) tabs.push(await visitor.context.newPage());
  for (const tab of tabs) {
    const began = Date.now();
    await tab.goto('/ui/agents', { waitUntil: 'domcontentloaded' });
    const took = Date.now() - began;
    assert.ok(took < 1_000, `tab ${tabs.indexOf(tab) + 1} took ${took} ms`);
    assert.equal(await tab.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'http/1.1');
  }
  await listening();
  await pause(500);
  assert.equal(proxy.streams(), 1, 'one stream a browser');
  await plane.addAgent('Newcomer');
  const changed = Date.now();
  await Promise.all(tabs.map((tab) => tab.getByText('Newcomer').first().waitFor({ timeout: SHOWN + 3_000 })));
  assert.ok(Date.now() - changed < SHOWN, `the last of ten saw it after ${Date.now() - changed} ms`);

  // Whichever tab held the stream: where it is closed, another goes on.
  for (const tab of tabs.splice(0, 5)) await tab.close();
  await until('another tab has the stream', () => proxy.streams() === 1);
  await plane.addAgent('Another');
  await Promise.all(tabs.map((tab) => tab.getByText('Another').first().waitFor({ timeout: SHOWN + 3_000 })));
  assert.deepEqual(visitor.complaints.take(), []);
  await visitor.close();
});

test('a live update moves no row under the pointer and steals no focus', async () => {
  const visitor = await visit();
  const { page } = visitor;
  await visitor.open('/ui/agents');
  await listening();
  const row = page.locator('tr', { hasText: 'Middle' });
  await row.locator('a').first().focus();
  await row.hover();
  const [focused, place] = [await page.evaluate(() => document.activeElement.outerHTML), await row.boundingBox()];
  // It would stand first.
  await plane.addAgent('Aaron');
  await pause(SHOWN);
  assert.deepEqual(await row.boundingBox(), place, 'the row stays where it is pointed at');
  assert.equal(await page.evaluate(() => document.activeElement.outerHTML), focused);
  assert.ok(await row.evaluate((each) => each.matches(':hover')), 'it is still the one under the pointer');
  // Pointed elsewhere, the page shows what it waited with.
  await page.mouse.move(2, 2);
  await page.evaluate(() => document.activeElement.blur());
  await page.getByText('Aaron').first().waitFor({ timeout: SHOWN });
  await visitor.close();
});

test('what somebody types outlives a live update', async () => {
  const visitor = await visit();
  const { page } = visitor;
  await visitor.open('/ui/requests');
  await listening();
  const field = page.locator('main input:not([type=hidden])').first();
  await field.fill('half a wo');
  await plane.command(['put-secret', '/contentcraft/a/typed'], { input: 'v' });
  await page.locator('main tbody').getByText('putSecret').first().waitFor({ timeout: 3 * SHOWN });
  assert.equal(await field.inputValue(), 'half a wo');
  assert.ok(await field.evaluate((each) => each === document.activeElement));
  await visitor.close();
});

/** A Chromium whose tabs are hidden when another is shown, as people's are: Playwright says of all that they are visible. */
async function realBrowser() {
  const profile = mkdtempSync(path.join(tmpdir(), 'cc-devops-profile-'));
  const words = ['--headless=new', '--no-sandbox', '--no-first-run', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(chromiumProgram(), words, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  process.once('exit', kill);
  const address = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`)));
    createInterface(child.stderr).on('line', (line) => {
      const found = /DevTools listening on (\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
  });
  const connected = await chromium.connectOverCDP(address, { noDefaults: true });
  const close = async () => {
    await connected.close();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    kill();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { connected, close };
}

test('a hidden tab asks nothing; shown again it is fresh in two seconds, though its connection was cut', async () => {
  const real = await realBrowser();
  try {
    const [context] = real.connected.contexts();
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(`${proxy.url}/ui/login`);
    await page.locator('input[type=password]').fill(plane.admin);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    await page.goto(`${proxy.url}/ui/agents`);
    await listening();

    const other = await context.newPage();
    await other.goto('about:blank');
    await other.bringToFront();
    await until('the tab is hidden', () => page.evaluate(() => document.visibilityState === 'hidden'));
    await until('its stream is closed', () => proxy.streams() === 0);
    const hidden = Date.now();
    await plane.addAgent('Behind');
    await plane.addAgent('Curtains');
    await pause(3_000);
    assert.deepEqual(proxy.since(hidden), [], 'a hidden tab asks nothing');
    proxy.cut();
    await plane.addAgent('Unseen');

    const shown = Date.now();
    await page.bringToFront();
    await page.getByText('Unseen').first().waitFor({ timeout: SHOWN + 3_000 });
    assert.ok(Date.now() - shown < SHOWN, `fresh after ${Date.now() - shown} ms`);
    await plane.addAgent('Afterwards');
    await page.getByText('Afterwards').first().waitFor({ timeout: SHOWN });
  } finally {
    await real.close();
  }
});

test('a connection that is cut under a visible tab is made anew, and nothing is missed', async () => {
  const visitor = await visit();
  await visitor.open('/ui/agents');
  await listening();
  proxy.cut();
  await plane.addAgent('Missed');
  await visitor.page.getByText('Missed').first().waitFor({ timeout: 10_000 });
  await visitor.close();
});
