// HTTP as a program speaks it, with every header in the test's hands.
import http from 'node:http';

/** Sends a request; gives status, headers and text of the answer. */
export function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString('utf8') });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The body of a form. */
export function form(fields) {
  return new URLSearchParams(fields).toString();
}

/** The headers of a form that a page of ours sends. */
export const FROM_OUR_PAGE = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};

/** Somebody who has signed in, without a browser. */
export class Caller {
  static async signIn(base, token) {
    const answer = await ask(`${base}/ui/login`, { method: 'POST', headers: FROM_OUR_PAGE, body: form({ token }) });
    const [cookie] = answer.headers['set-cookie'] ?? [];
    if (answer.status !== 303 || !cookie) {
      throw new Error(`nobody is signed in: ${answer.status} ${answer.text}`);
    }
    return new Caller(base, cookie.split(';')[0]);
  }

  constructor(base, cookie) {
    this.base = base;
    this.cookie = cookie;
  }

  get(address) {
    return ask(this.base + address, { headers: { cookie: this.cookie } });
  }

  post(address, fields = {}, headers = {}) {
    return ask(this.base + address, {
      method: 'POST',
      headers: { ...FROM_OUR_PAGE, cookie: this.cookie, ...headers },
      body: form(fields),
    });
  }
}
