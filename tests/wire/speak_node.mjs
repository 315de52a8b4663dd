// A driver of the table: AWS's SDK for JavaScript, version 3. A line is a call, the next line out is its answer.
// `node speak_node.mjs FOLDER`, where FOLDER holds node_modules.
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(path.join(path.resolve(process.argv[2]), 'package.json'));
const { NodeHttpHandler } = require('@smithy/node-http-handler');
const { AwsSmithyRpcV2CborProtocol, AwsQueryProtocol } = require('@aws-sdk/core/protocols');

const PACKAGES = {
  cloudformation: ['client-cloudformation', 'CloudFormationClient'],
  cloudwatch: ['client-cloudwatch', 'CloudWatchClient'],
  dynamodb: ['client-dynamodb', 'DynamoDBClient'],
  events: ['client-eventbridge', 'EventBridgeClient'],
  s3: ['client-s3', 'S3Client'],
  secretsmanager: ['client-secrets-manager', 'SecretsManagerClient'],
  sns: ['client-sns', 'SNSClient'],
  sqs: ['client-sqs', 'SQSClient'],
  ssm: ['client-ssm', 'SSMClient'],
  sts: ['client-sts', 'STSClient'],
};
const PROTOCOLS = { cbor: AwsSmithyRpcV2CborProtocol, query: AwsQueryProtocol };

/** Sees every try, and spoils what is to be spoiled after the signature was made. */
class Watching extends NodeHttpHandler {
  async handle(request, options) {
    this.tries += 1;
    if (this.how.tamper) {
      request.body = Buffer.concat([Buffer.from(request.body ?? ''), Buffer.from(' ')]);
      request.headers['content-length'] = String(request.body.length);
    }
    if (this.how.unsigned) delete request.headers.authorization;
    const answered = await super.handle(request, options);
    this.status = answered.response.statusCode;
    this.headers = answered.response.headers;
    return answered;
  }

  begin(how) {
    Object.assign(this, { how, tries: 0, status: null, headers: {} });
  }
}

const RealDate = Date;

/** A clock that is off, for the whole of this program: the SDK looks at the difference to the server's, not at its own setting. */
function setClock(seconds = 0) {
  const now = () => RealDate.now() + seconds * 1000;
  globalThis.Date =
    seconds === 0
      ? RealDate
      : class extends RealDate {
          constructor(...given) {
            if (given.length > 0) super(...given);
            else super(now());
          }

          static now() {
            return now();
          }
        };
}

const clients = new Map();

function client(call) {
  const { service, endpoint, region, key, how } = call;
  const kind = JSON.stringify([service, endpoint, key, how.protocol]);
  // A clock that is wrong is a client's own: it corrects itself for good.
  if (how.clock || !clients.has(kind)) {
    const [name, made] = PACKAGES[service];
    const sdk = require(`@aws-sdk/${name}`);
    const handler = new Watching();
    const made_client = new sdk[made]({
      region,
      endpoint,
      credentials: { accessKeyId: key.id, secretAccessKey: key.secret, sessionToken: key.token },
      requestHandler: handler,
      forcePathStyle: true,
      ...(how.protocol ? { protocol: PROTOCOLS[how.protocol] } : {}),
    });
    const found = { sdk, handler, client: made_client };
    if (how.clock) return found;
    clients.set(kind, found);
  }
  return clients.get(kind);
}

function argumentsOf(value) {
  if (Array.isArray(value)) return value.map(argumentsOf);
  if (value === null || typeof value !== 'object') return value;
  if ('$time' in value) return new Date(value.$time * 1000);
  if ('$b64' in value) return Buffer.from(value.$b64, 'base64');
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, argumentsOf(one)]));
}

function plain(value) {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return { $b64: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

async function made(call) {
  const { sdk, handler, client: asked } = client(call);
  handler.begin(call.how);
  setClock(call.how.clock);
  const seen = () => ({ status: handler.status, headers: handler.headers, tries: handler.tries });
  try {
    const { $metadata, ...answer } = await asked.send(new sdk[`${call.operation}Command`](argumentsOf(call.with)));
    return { ok: plain(answer), ...seen() };
  } catch (error) {
    // An answer that cannot be read is no error of the service.
    if (!error.$metadata || handler.status === null || handler.status < 300) throw error;
    const code = error.Error?.Code ?? error.Code ?? error.name;
    return { error: { code, message: error.message }, ...seen() };
  } finally {
    setClock();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await made(JSON.parse(line));
  } catch (error) {
    answer = { broken: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
