// The pages and acts there are, by the program's own table, and where links lead in a running one.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { REPOSITORY } from './peers.mjs';

const SOURCE = path.join(REPOSITORY, 'crates/doors/dashboard/src');

/** So many addresses of one route are looked at: a plan that waits looks otherwise than one that was carried out. */
const OF_EACH = 3;

/** So many ways to ask for one page, by its filters and cursors. */
const WAYS = 4;

function sources() {
  const files = readdirSync(SOURCE, { recursive: true }).filter((file) => file.endsWith('.rs'));
  return files.map((file) => ({ folder: path.dirname(file), text: readFileSync(path.join(SOURCE, file), 'utf8') }));
}

/** A row as it is written: which kind, and its path, as a text, as a section's, or by the name of a constant. */
const ROW = /\b(open_page|open_act|page|act)(?:::<[^()]*>)?\(\s*&?shared,\s*(?:"([^"]+)"|Section::(\w+)\.path\(\)|(?:\w+::)?([A-Z][A-Z_]+)\b)/g;

/** Every row of the table of pages and acts: whether it is a GET, and its path. */
export function table() {
  const all = sources();
  const sections = new Map(all.flatMap(({ text }) => [...text.matchAll(/Self::(\w+) => "(\/ui[^"]*)"/g)].map(([, name, at]) => [name, at])));
  const constant = (folder, name) => {
    const near = all.filter((source) => source.folder === folder).map(({ text }) => new RegExp(`const ${name}: &str =\\s*"([^"]+)"`).exec(text)?.[1]);
    return near.find(Boolean);
  };
  const rows = all.flatMap(({ folder, text }) =>
    [...text.matchAll(ROW)].map(([row, kind, written, section, name]) => {
      const pattern = written ?? sections.get(section) ?? constant(folder, name);
      if (!pattern) throw new Error(`the path of this row is not found: ${row}`);
      return { isPage: kind.endsWith('page'), pattern };
    }),
  );
  if (rows.length < 10) throw new Error('the table of pages is not written as this test reads it');
  return rows;
}

function matcher(pattern) {
  const parts = pattern.split('/').map((part) => {
    if (part.startsWith('{*')) return '.+';
    return part.startsWith('{') ? '[^/]+' : part.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  });
  return { pattern, wild: (pattern.match(/\{/g) ?? []).length, regex: new RegExp(`^${parts.join('/')}$`) };
}

/** Which route an address belongs to; an address of none is one of its own. */
export function router(rows) {
  const matchers = rows.map((row) => matcher(row.pattern)).sort((one, other) => one.wild - other.wild);
  return (address) => {
    const [at] = address.split('?');
    return matchers.find(({ regex }) => regex.test(at))?.pattern ?? at;
  };
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function unescaped(text) {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name]);
}

/** The addresses that a page's links lead to, as far as they are the dashboard's. */
export function links(html) {
  const all = [...html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)].map(([, href]) => unescaped(href).split('#')[0]);
  return [...new Set(all)].filter((href) => href === '/ui' || href.startsWith('/ui/') || href.startsWith('/ui?'));
}

/** Where the forms of a page lead that are sent by POST. */
export function acts(html) {
  return [...html.matchAll(/<form\b[^>]*>/g)]
    .map(([tag]) => tag)
    .filter((tag) => /\smethod="post"/.test(tag))
    .map((tag) => unescaped(/\saction="([^"]*)"/.exec(tag)?.[1] ?? ''));
}

/**
 * Follows links from the overview on, by GET alone. Gives each page that was reached: its address, route, status, content
 * type and HTML. `isFirst` is one page of each route; the others are more of it.
 */
export async function crawl(caller) {
  const routeOf = router(table().filter((row) => row.isPage));
  const [seen, waiting, pages] = [new Set(['/ui']), ['/ui'], []];
  const [counts, ways] = [new Map(), new Map()];
  while (waiting.length > 0) {
    const address = waiting.shift();
    const route = routeOf(address);
    const way = `${route}?${[...new URLSearchParams(address.split('?')[1]).keys()].sort()}`;
    const isWay = address.includes('?');
    const count = counts.get(isWay ? way : route) ?? 0;
    if (count >= (isWay ? 1 : OF_EACH)) continue;
    if (isWay && count === 0) {
      if ((ways.get(route) ?? 0) >= WAYS) continue;
      ways.set(route, (ways.get(route) ?? 0) + 1);
    }
    counts.set(isWay ? way : route, count + 1);
    const answer = await caller.get(address);
    const type = answer.headers['content-type'] ?? '';
    const isFirst = !pages.some((page) => page.route === route);
    pages.push({ address, route, isFirst, status: answer.status, type, html: answer.text });
    if (!type.startsWith('text/html')) continue;
    for (const link of links(answer.text).filter((each) => !seen.has(each))) {
      seen.add(link);
      waiting.push(link);
    }
  }
  return pages;
}
