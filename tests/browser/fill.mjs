// What a control plane holds after some days with agents, so that no page is empty.
import http from 'node:http';
import path from 'node:path';

import { Plane, until } from './plane.mjs';
import { REPOSITORY } from './peers.mjs';

/** The value that no page may ever show, in each form in which somebody might hand it in. */
export const CANARY = 'canary-4b1d-hunter2';

/** More than a page of a list holds. */
const SEVERAL_PAGES = 60;

const DAY = 86_400;

/** What the fakes beside us hold; the Rust test starts them and says where. */
const FAKES = JSON.parse(process.env.BROWSER_FAKES ?? '{}');

/** Somebody else's server: it takes what is told at `/`, and wants nothing more of `/gone`. */
export async function receiver() {
  const server = http.createServer((request, response) => {
    request.resume();
    response.statusCode = request.url === '/gone' ? 410 : 204;
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** The configuration: three stacks, of which one waits for approval, people to be told, and the fakes. */
export function configuration(hooks) {
  const stack = (name, lines) => [`[stacks.${name}]`, `working_dir = ${JSON.stringify(path.join(REPOSITORY, 'demo'))}`, ...lines];
  const lines = [
    '[egress]',
    'allow = ["127.0.0.0/8"]',
    '[alerts]',
    'group_wait = "0s"',
    '[[alerts.channels]]',
    'name = "hook"',
    'kind = "webhook"',
    `url = "${hooks.url}/told"`,
    '[[alerts.routes]]',
    'match = { kind = "agent" }',
    'channels = ["hook"]',
    '[[alerts.conditions.secrets]]',
    'prefix = "supportbot/"',
    'rotate_after = "90d"',
    '[[deploys.freezes]]',
    'name = "new year"',
    'kind = "deny"',
    'cron = "0 0 1 1 *"',
    'duration = "1d"',
    'stages = ["prod"]',
    'reason = "nobody is there to mend it"',
    ...stack('cc-agent-content-orchestrator', ['command = ["sh", "deploy.sh"]', 'parameters = ["VERSION"]', 'secret_parameters = ["PASSWORD"]']),
    ...stack('cc-agent-billing-reporter', ['command = ["sh", "deploy.sh", "missing-bucket"]']),
    ...stack('cc-agent-support-bot', [
      'plan_command = ["sh", "plan.sh"]',
      'command = ["sh", "apply.sh"]',
      'env = ["PATH", "DEMO_FOLDER"]',
      'parameters = ["KEY"]',
    ]),
  ];
  if (FAKES.stripe) {
    lines.push('[stripe]', `api_url = "${FAKES.stripe.url}"`, '[revenue]', 'rates = "fixed"', 'fixed_rates = { eur = "1.25" }');
  }
  if (FAKES.github) lines.push('[github]', `owner = "${FAKES.github.owner}"`, `api_url = "${FAKES.github.url}"`);
  return `${lines.join('\n')}\n`;
}

/** Leaves a deploy waiting that would put another table in the place of one; gives its plan. */
export async function waitingDeploy(plane, bot, stage = 'prod') {
  const stack = { stackName: 'cc-agent-support-bot', stage };
  await plane.request('SupportBot', bot, `tickets-${stage}`, 'deployLambda', { ...stack, parameters: { KEY: 'id' } });
  await plane.request('SupportBot', bot, `rekey-tickets-${stage}`, 'deployLambda', { ...stack, parameters: { KEY: 'customer' } }, { wait: 0 });
  return until('a plan waits', async () => {
    const { json } = await plane.api('GET', '/v1/deploys?state=waiting');
    return json.deploys?.find((plan) => plan.requestId === `rekey-tickets-${stage}`);
  });
}

async function fillSecretsAndRequests(plane, tokens) {
  const key = '/contentcraft/supportbot/api-key';
  const bot = ['SupportBot', tokens.SupportBot];
  await plane.request(...bot, 'key-1', 'putSecret', { name: key, value: CANARY });
  await plane.request(...bot, 'key-2', 'putSecret', { name: key, value: `${CANARY}-2` });
  await plane.api('GET', `/v1/secrets${key}`, { token: tokens.SupportBot });
  await plane.request(...bot, 'not-mine', 'putSecret', { name: '/contentcraft/contentorchestrator/key', value: CANARY });
  await plane.request(...bot, `odd <b>&"'/?%23 id ${'long '.repeat(20)}`.slice(0, 120).trim(), 'putSecret', { name: key, value: CANARY });
  const names = Array.from({ length: SEVERAL_PAGES }, (_, number) => `/contentcraft/supportbot/many/${number}`);
  await Promise.all(names.map((name, number) => plane.request(...bot, `many-${number}`, 'putSecret', { name, value: CANARY })));
}

async function fillDeploys(plane, tokens) {
  const content = ['ContentOrchestrator', tokens.ContentOrchestrator];
  const parameters = { VERSION: '1.4.2', PASSWORD: CANARY };
  await plane.request(...content, 'release-1', 'deployLambda', { stackName: 'cc-agent-content-orchestrator', stage: 'dev', parameters });
  await plane.request('BillingReporter', tokens.BillingReporter, 'release-2', 'deployLambda', { stackName: 'cc-agent-billing-reporter', stage: 'dev' });
  await waitingDeploy(plane, tokens.SupportBot);
}

async function fillFleet(plane) {
  for (let number = 0; number < SEVERAL_PAGES; number += 6) {
    const some = Array.from({ length: 6 }, (_, more) => `Worker${number + more}`);
    await Promise.all(some.map((name) => plane.addAgent(name, '--tag', 'team=content')));
  }
  const added = await plane.json(['agents', 'add', 'Nightly', '--period', '1s', '--grace', '1s']);
  const [, ping] = added.ping_url.split('/ping/');
  await plane.api('GET', `/ping/${ping}`).catch(() => {});
  await until('an agent is down', async () => {
    const { json } = await plane.api('GET', '/v1/alerts');
    return json.alerts?.some((alert) => alert.key === 'agent/Nightly');
  });
  await plane.command(['alerts', 'silence', '--match', 'host=web1', '--for', '2h', '--reason', 'new disks', '--by', 'ana']).catch((error) => {
    throw new Error(`no silence: ${error.message}`);
  });
}

async function fillWebhooks(plane, hooks) {
  await plane.command(['webhooks', 'add', `${hooks.url}/told`]);
  await plane.command(['webhooks', 'add', `${hooks.url}/gone`]);
}

async function fillRevenue(plane) {
  if (!FAKES.stripe) return;
  const variables = { STRIPE_API_KEY: FAKES.stripe.key };
  for (let ago = 3; ago >= 0; ago -= 1) {
    await plane.command(['revenue', 'report', '--as-of', String(FAKES.stripe.now - ago * DAY)], { variables, codes: [0, 1] });
  }
}

async function fillRepositories(plane) {
  if (!FAKES.github) return;
  const variables = { GITHUB_TOKEN: FAKES.github.token, USER: 'ana' };
  await plane.command(['repos', 'audit'], { variables, codes: [0, 1] });
  await plane.command(['workflows', 'check'], { variables, codes: [0, 1] });
}

/** A control plane with something on each page, and the tokens of its agents. */
export async function fullPlane(options = {}) {
  const hooks = await receiver();
  const plane = await Plane.start({ configuration: configuration(hooks), ...options });
  const tokens = {};
  for (const name of ['SupportBot', 'ContentOrchestrator', 'BillingReporter']) tokens[name] = await plane.addAgent(name);
  tokens.Looker = await plane.addAgent('Looker', '--role', 'observer');
  await fillWebhooks(plane, hooks);
  await Promise.all([fillSecretsAndRequests(plane, tokens), fillFleet(plane), fillDeploys(plane, tokens)]);
  await plane.api('POST', '/v1/agents/SupportBot/heartbeat', { token: tokens.SupportBot, body: { healthy: true } });
  await plane.api('POST', '/v1/agents/BillingReporter/heartbeat', {
    token: tokens.BillingReporter,
    body: { healthy: false, message: 'the last deploy failed <script>alert(1)</script>' },
  });
  await fillRevenue(plane);
  await fillRepositories(plane);
  return { plane, tokens, close: () => plane.stop().finally(hooks.close) };
}
