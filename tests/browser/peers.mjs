// What `make peers` has put there for the tests in a browser, and the system's Chromium. What is missing fails, and says
// how to get it.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const REPOSITORY = path.resolve(import.meta.dirname, '../..');

const folder = process.env.BROWSER_PEERS ?? path.join(REPOSITORY, 'target/peers/browser');
if (!existsSync(path.join(folder, 'ready'))) {
  throw new Error(`${folder} is not there: \`make peers\` installs what the dashboard's tests need`);
}
const need = createRequire(path.join(folder, 'package.json'));

export const { chromium } = need('playwright-core');
export const { HtmlValidate } = need('html-validate');
export const AXE = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');

function found(name) {
  for (const place of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(place, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // It is not here.
    }
  }
  return undefined;
}

/** The program of the system's Chromium. */
export function chromiumProgram() {
  const program = ['chromium', 'chromium-browser', 'google-chrome'].map(found).find(Boolean);
  if (!program) {
    throw new Error(
      'no chromium, chromium-browser or google-chrome is in PATH, and the dashboard is tested in one: ' +
        '`apt-get install chromium`, or as root `make peers`',
    );
  }
  return program;
}
