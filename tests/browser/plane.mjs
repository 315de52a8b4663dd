// A control plane of a test's own: a folder, a server on a free port of loopback, and the commands that people type.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { ask } from './http.mjs';
import { REPOSITORY } from './peers.mjs';

const BINARY = process.env.BROWSER_BINARY ?? path.join(REPOSITORY, 'target/debug/cc-devops');

function environment(added) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CC_DEVOPS') && name !== 'RUST_LOG');
  return { ...Object.fromEntries(own), ...added };
}

/** Compiles what makes the disk fail under a server. */
function shim(folder) {
  const library = path.join(folder, 'faults.so');
  const source = path.join(REPOSITORY, 'crates/cli/tests/binary/faults.c');
  const done = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`faults.c is not compiled: ${done.error ?? done.stderr}`);
  return library;
}

// Who ends this process ends the servers with it.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1));

export class Plane {
  /** Starts one. `configuration` is its cc-devops.toml; where it is `breakable`, `fail` makes its disk fail. */
  static async start({ configuration = '', variables = {}, breakable = false } = {}) {
    const plane = new Plane(mkdtempSync(path.join(tmpdir(), 'cc-devops-browser-')), configuration);
    plane.variables = { DEMO_FOLDER: plane.folder, ...variables };
    if (breakable) {
      Object.assign(plane.variables, { LD_PRELOAD: shim(plane.folder), FAULT_FILE: plane.fault });
    }
    await plane.#serve();
    return plane;
  }

  constructor(folder, configuration) {
    this.folder = folder;
    this.data = path.join(folder, 'data');
    this.fault = path.join(folder, 'fault');
    writeFileSync(path.join(folder, 'cc-devops.toml'), configuration);
  }

  async #serve() {
    const log = openSync(path.join(this.folder, 'server.log'), 'a');
    const words = ['--data-dir', 'data', 'serve', '--listen', '127.0.0.1:0', '--log-format', 'json'];
    this.server = spawn(BINARY, words, {
      cwd: this.folder,
      env: environment(this.variables),
      stdio: ['ignore', 'pipe', log],
    });
    // Whatever ends this process ends the server too.
    process.once('exit', () => this.server.kill('SIGKILL'));
    const lines = createInterface(this.server.stdout);
    const line = await Promise.race([
      new Promise((resolve) => lines.once('line', resolve)),
      new Promise((resolve) => this.server.once('exit', (code) => resolve(`it ended with ${code}`))),
      new Promise((_, reject) => this.server.once('error', reject)),
    ]);
    this.url = /^listening on (http:\S+)/.exec(line)?.[1];
    if (!this.url) throw new Error(`${line}\n${this.log()}`);
    this.admin = readFileSync(path.join(this.data, 'admin.token'), 'utf8').trim();
  }

  log() {
    return readFileSync(path.join(this.folder, 'server.log'), 'utf8');
  }

  /** Ends the server by its pid and takes the folder away. */
  async stop() {
    const ended = new Promise((resolve) => this.server.once('exit', resolve));
    if (this.server.exitCode === null) {
      this.server.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Makes the disk fail, as faults.c says; without an order it is well again. */
  fail(order) {
    if (order) writeFileSync(this.fault, order);
    else rmSync(this.fault, { force: true });
  }

  /** Runs a command to its end, which must be as expected. */
  async command(words, { input = '', token, variables = {}, codes = [0] } = {}) {
    const identity = token ? { CC_DEVOPS_TOKEN: token } : {};
    const child = spawn(BINARY, ['--data-dir', 'data', ...words], {
      cwd: this.folder,
      env: environment({ DEMO_FOLDER: this.folder, ...variables, ...identity }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (part) => (said[stream] += part));
    }
    // A command that does not read its input has closed it.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (!codes.includes(code)) throw new Error(`cc-devops ${words.join(' ')}: ${code}\n${said.stdout}${said.stderr}`);
    return said.stdout;
  }

  /** The JSON that a command prints. */
  async json(words, options) {
    return JSON.parse(await this.command([...words, '--json'], options));
  }

  /** Adds an agent and gives its token. */
  async addAgent(name, ...options) {
    return (await this.json(['agents', 'add', name, ...options])).token;
  }

  /** Calls the API. */
  async api(method, address, { token = this.admin, body } = {}) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await ask(this.url + address, { method, headers, body: body && JSON.stringify(body) });
    return { ...answer, json: answer.text && JSON.parse(answer.text) };
  }

  /** Sends a request as an agent does, and waits for its end unless it is told not to. */
  request(agent, token, requestId, action, params, { wait = 20 } = {}) {
    const event = {
      source: `agent.${agent}`,
      'detail-type': 'devops.request',
      detail: { requestId, action, params },
    };
    return this.api('POST', `/v1/events${wait ? `?wait=${wait}` : ''}`, { token, body: event });
  }
}

/** Looks until something is there. */
export async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
