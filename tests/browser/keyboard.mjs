// With the keyboard alone: a deploy is approved, a request is found.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { Visitor, launch } from './browser.mjs';
import { fullPlane } from './fill.mjs';
import { until } from './plane.mjs';

/** More steps than any page has things to step to. */
const STEPS = 400;

let plane;
let tokens;
let close;
let browser;

before(async () => {
  ({ plane, tokens, close } = await fullPlane());
  browser = await launch();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

after(async () => {
  await browser?.close();
  await close?.();
});

/** What has the focus: its text, and whether that is seen. */
function focused(page) {
  return page.evaluate(() => {
    const each = document.activeElement;
    const style = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    const isMarked = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    return {
      tag: each.tagName.toLowerCase(),
      text: (each.innerText || each.value || each.getAttribute('aria-label') || '').trim(),
      href: each.getAttribute('href') ?? '',
      type: each.getAttribute('type') ?? '',
      isMarked,
      isInWindow: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  });
}

/** Steps on until what is wanted has the focus; each step is seen. */
async function stepTo(page, what, wanted) {
  const passed = [];
  for (let step = 0; step < STEPS; step += 1) {
    await page.keyboard.press('Tab');
    const at = await focused(page);
    if (at.tag !== 'body') {
      assert.ok(at.isMarked && at.isInWindow, `the focus is not seen on ${JSON.stringify(at)}`);
    }
    if (wanted(at)) return at;
    passed.push(`${at.tag} ${at.text.slice(0, 30)}`);
  }
  throw new Error(`no step leads to ${what}, but to ${passed.slice(0, 60).join('; ')}`);
}

async function follow(page) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
}

async function signIn(visitor) {
  const { page } = visitor;
  await visitor.open('/ui');
  const isField = async () => (await focused(page)).type === 'password';
  if (!(await isField())) await stepTo(page, 'the field for the token', (at) => at.type === 'password');
  await page.keyboard.insertText(plane.admin);
  await follow(page);
}

/** A plan that waits: where none does, undoing the last one is a plan like any other. */
async function waiting() {
  const plans = async () => (await plane.api('GET', '/v1/deploys?state=waiting')).json.deploys;
  if ((await plans()).length === 0) {
    await plane.command(['deploys', 'rollback', 'cc-agent-support-bot-prod'], { token: tokens.SupportBot });
  }
  return until('a plan waits', async () => (await plans())[0]);
}

for (const scripts of [true, false]) {
  test(`a deploy is approved, ${scripts ? 'with' : 'without'} scripts`, async () => {
    const visitor = await Visitor.of(browser, plane, { token: null, scripts });
    const { page } = visitor;
    await signIn(visitor);
    const plan = await waiting();
    await stepTo(page, 'Deploys', (at) => at.tag === 'a' && at.text === 'Deploys');
    await follow(page);
    await stepTo(page, 'the plan', (at) => at.href.startsWith(`/ui/deploys/${plan.plan}`));
    await follow(page);
    await stepTo(page, 'Approve', (at) => /approve/i.test(at.text));
    await follow(page);
    await stepTo(page, 'the button', (at) => at.tag === 'button' && /approve/i.test(at.text));
    await follow(page);
    const applied = await until('it is carried out', async () => {
      const { json } = await plane.api('GET', `/v1/deploys/${plan.plan}`);
      return ['applied', 'failed'].includes(json.state) && json;
    });
    assert.equal(applied.state, 'applied');
    assert.deepEqual(visitor.complaints.take(), []);
    await visitor.close();
  });
}

test('a request is found by `/`', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  await visitor.open('/ui');
  await page.keyboard.press('/');
  await until('`/` leads to a field', async () => (await focused(page)).tag === 'input', 3);
  assert.equal((await focused(page)).text, '', 'and types nothing into it');
  await page.keyboard.insertText('key-2');
  await follow(page);
  if (!/\/ui\/requests\/key-2/.test(page.url())) {
    await stepTo(page, 'the request', (at) => at.tag === 'a' && at.href === '/ui/requests/key-2');
    await follow(page);
  }
  await page.locator('h1', { hasText: 'key-2' }).waitFor();
  await visitor.close();
});

test('`?` lists the keys, and Escape takes the list away', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  await visitor.open('/ui/agents');
  await page.keyboard.press('?');
  const list = page.getByRole('dialog');
  await list.waitFor({ timeout: 3_000 });
  assert.match(await list.innerText(), /search/i);
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'hidden', timeout: 3_000 });
  // Where somebody types, a key is a letter.
  await page.keyboard.press('/');
  await until('`/` leads to a field', async () => (await focused(page)).tag === 'input', 3);
  await page.keyboard.press('?');
  assert.equal(await list.isVisible(), false);
  assert.equal((await focused(page)).text, '?');
  await visitor.close();
});

test('the first step of a page leads to its content', async () => {
  const visitor = await Visitor.of(browser, plane);
  const { page } = visitor;
  await visitor.open('/ui/agents');
  await page.keyboard.press('Tab');
  const first = await focused(page);
  assert.equal(first.href, '#main');
  assert.ok(first.isInWindow, 'it is seen while it has the focus');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  const inMain = await page.evaluate(() => document.querySelector('main').contains(document.activeElement));
  assert.ok(inMain, 'the next one is in the content');
  await visitor.close();
});
