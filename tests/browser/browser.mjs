// One Chromium, and people who visit in it.
import { chromium, chromiumProgram } from './peers.mjs';

/** How long anything on a page may take, in milliseconds. */
const PATIENCE = 15_000;

export async function launch(options = {}) {
  return chromium.launch({ executablePath: chromiumProgram(), ...options });
}

/** Complaints about every page of a context: of its CSP, of its scripts, and what Chromium calls an error. */
export class Complaints {
  #found = [];

  constructor(context) {
    context.on('console', (message) => {
      if (message.type() === 'error') this.#add('console', message.text(), message.page());
    });
    context.on('weberror', (error) => this.#add('script', error.error().message, error.page()));
  }

  async listen(context) {
    await context.exposeBinding('ccViolated', ({ page }, what) => this.#add('CSP', what, page));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.ccViolated(`${event.effectiveDirective} by ${event.blockedURI} ${event.sourceFile ?? ''}`);
      });
    });
  }

  #add(kind, text, page) {
    this.#found.push({ kind, text, at: page?.url() ?? '' });
  }

  /** What there was since it was last asked; a page that was refused is no complaint where it is `expected`. */
  take(expected = []) {
    const isExpected = ({ text }) => expected.some((status) => text.includes(`the server responded with a status of ${status}`));
    const taken = this.#found.filter((each) => !isExpected(each)).map(({ kind, text, at }) => `${kind}: ${text} (${at})`);
    this.#found = [];
    return taken;
  }
}

/** Somebody with a browser of their own. */
export class Visitor {
  static async of(chromiumBrowser, plane, { scripts = true, token = plane.admin, ...options } = {}) {
    const context = await chromiumBrowser.newContext({ javaScriptEnabled: scripts, baseURL: plane.url, ...options });
    context.setDefaultTimeout(PATIENCE);
    const complaints = new Complaints(context);
    if (scripts) await complaints.listen(context);
    const visitor = new Visitor(context, complaints, scripts);
    visitor.page = await context.newPage();
    if (!scripts) visitor.session = await context.newCDPSession(visitor.page);
    if (token) await visitor.signIn(token);
    return visitor;
  }

  constructor(context, complaints, scripts) {
    this.context = context;
    this.complaints = complaints;
    this.scripts = scripts;
  }

  async signIn(token) {
    await this.page.goto('/ui/login');
    await this.page.locator('input[type=password]').fill(token);
    await this.page.getByRole('button', { name: 'Log in' }).click();
    await this.page.getByRole('button', { name: 'Log out' }).waitFor();
  }

  /** Opens a page; gives its status. */
  async open(address) {
    if (this.session) await this.session.send('Emulation.setScriptExecutionDisabled', { value: true });
    const response = await this.page.goto(address, { waitUntil: 'load' });
    return response.status();
  }

  async close() {
    await this.context.close();
  }
}
