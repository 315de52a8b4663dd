// What a page must be: accessible by every rule of WCAG 2.2 AA that axe knows, valid HTML, and no wider than its window.
import assert from 'node:assert/strict';

import { AXE, HtmlValidate } from './peers.mjs';

/** Every rule that axe has of these. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];

export const SCHEMES = ['light', 'dark'];

/** The rules that ask for colours. Nothing else of a page is another where it is dark: a media query changes no element. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** The rules that ask for words, and for what they make too wide: every row is looked at. */
const WORDS = ['button-name', 'label-content-name-mismatch', 'landmark-unique', 'link-name', 'scrollable-region-focusable'];

/** A phone and a desk, in px. */
export const WIDTHS = [390, 1280];

const config = {
  root: true,
  extends: ['html-validate:recommended'],
  rules: {
    // Pages are written by a program, whose lines are nobody's to read.
    'no-trailing-whitespace': 'off',
    'no-raw-characters': 'off',
    // A title names what it is about, by the name that others gave it.
    'long-title': 'off',
    // An id is anything without a blank, says the standard; a row's is that of the thing that it shows.
    'valid-id': ['error', { relaxed: true }],
  },
};

const validator = new HtmlValidate(config);

/** How a browser writes what it has read is no fault of the page. */
const AS_A_BROWSER_WRITES = { 'attribute-empty-style': 'off', 'attribute-boolean-style': 'off', 'attr-quotes': 'off', 'void-style': 'off' };

const written = new HtmlValidate({ ...config, rules: { ...config.rules, ...AS_A_BROWSER_WRITES } });

/** What html-validate has against a page; `byBrowser` is one that a browser gives back. */
export async function invalid(html, byBrowser = false) {
  const report = await (byBrowser ? written : validator).validateString(html);
  return report.results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line, column }) => {
      const at = html.split('\n')[line - 1]?.slice(Math.max(0, column - 60), column + 60);
      return `html-validate ${ruleId}: ${message} at …${at}…`;
    }),
  );
}

/** Lays axe into a page. Where scripts are off they run from here on, without those of the page having run. */
export async function layAxe(page, session) {
  await session?.send('Emulation.setScriptExecutionDisabled', { value: false });
  await page.evaluate(AXE);
}

/** What axe has against a page as it is shown now: by every rule, by these alone, or by all but these. */
export async function inaccessible(page, { only = null, but = [] } = {}) {
  const found = await page.evaluate(async ({ tags, only, but }) => {
    const rules = axe.getRules(tags).filter((rule) => !rule.tags.includes('deprecated')).map((rule) => rule.ruleId);
    const options = {
      runOnly: { type: 'rule', values: rules.filter((rule) => (!only || only.includes(rule)) && !but.includes(rule)) },
      resultTypes: ['violations'],
      preload: false,
    };
    const { violations } = await axe.run(document, options);
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 3).map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`),
      count: nodes.length,
    }));
  }, { tags: TAGS, only, but });
  return found.map(({ id, help, nodes, count }) => `axe ${id} (${count} of them): ${help}\n    ${nodes.join('\n    ').replaceAll('\n  ', ' ')}`);
}

/** What sticks out of the window. */
export async function sideways(page) {
  const out = await page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const inner = [...document.body.querySelectorAll('*')].filter((each) => {
      const scrolls = (node) => node && node !== document.body && (getComputedStyle(node).overflowX !== 'visible' || scrolls(node.parentElement));
      return each.getBoundingClientRect().right > root.clientWidth + 1 && !scrolls(each.parentElement);
    });
    const named = inner.slice(0, 3).map((each) => `${each.tagName.toLowerCase()}.${each.className?.baseVal ?? each.className}`);
    return [`it scrolls sideways: ${root.scrollWidth} px in ${root.clientWidth}, by ${named.join(', ')}`];
  });
  return out;
}

/** Nothing was found; else all of it is said. */
export function none(found) {
  assert.equal(found.length, 0, `\n${found.join('\n')}\n`);
}

/** So many rows of one form stay: a first, one between and a last are told apart by their borders. */
const OF_A_FORM = 3;

/**
 * The rows of tables and lists before which enough of the same form stand: the same elements, classes and states, with
 * other words. Gives how many there are, and the page's form; `without` takes them out before.
 */
async function formOf(page, { without = false } = {}) {
  return page.evaluate(({ most, without }) => {
    const words = new Set(['href', 'action', 'id', 'for', 'name', 'value', 'datetime', 'title', 'aria-label', 'aria-labelledby', 'aria-describedby']);
    const form = (node) => {
      if (node.nodeType === Node.TEXT_NODE) return node.data.trim() ? 'text' : '';
      if (node.nodeType !== Node.ELEMENT_NODE) return '';
      const attributes = [...node.attributes].map(({ name, value }) => `${name}=${words.has(name) ? value.trim() !== '' : value}`);
      return `<${node.tagName} ${attributes.sort().join(' ')}>${[...node.childNodes].map(form).join('')}</>`;
    };
    let repeated = 0;
    for (const list of document.querySelectorAll('tbody, ul, ol')) {
      const seen = new Map();
      for (const row of [...list.children]) {
        const kind = form(row);
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        if (seen.get(kind) <= most) continue;
        repeated += 1;
        if (without) row.remove();
      }
    }
    return { repeated, form: form(document.body) };
  }, { most: OF_A_FORM, without });
}

/** The forms, each in a light and a width, of which axe was asked by the rules that look past words. */
const asked = new Set();

/** Everything that is wrong with a page that is open: in windows of all these widths as it is, in every light by its form. */
export async function judge(page, widths) {
  const found = [];
  const note = (light, width, wrong) => found.push(...wrong.map((each) => `[${light}, ${width} px] ${each}`));
  const show = (colorScheme, width) => Promise.all([page.emulateMedia({ colorScheme }), page.setViewportSize({ width, height: 900 })]);
  const { repeated } = await formOf(page);
  for (const width of widths) {
    await show('light', width);
    note('any light', width, await sideways(page));
    if (WIDTHS.includes(width)) note('light', width, await inaccessible(page, repeated ? { only: WORDS } : {}));
  }
  const { form } = await formOf(page, { without: true });
  for (const scheme of SCHEMES) {
    for (const width of WIDTHS) {
      const key = `${scheme} ${width} ${form}`;
      if (asked.has(key) || (scheme === 'light' && !repeated)) continue;
      asked.add(key);
      await show(scheme, width);
      note(scheme, width, await inaccessible(page, scheme === 'dark' ? { only: COLOURS } : { but: WORDS }));
    }
  }
  return found;
}
