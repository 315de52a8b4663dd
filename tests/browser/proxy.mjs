// Stands between browsers and a server, counts what is asked for and cuts connections.
import http from 'node:http';

export class Proxy {
  static async before(target) {
    const proxy = new Proxy(target);
    await new Promise((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  constructor(target) {
    this.seen = [];
    this.sockets = new Set();
    this.open = new Set();
    this.server = http.createServer((request, response) => this.#pass(target, request, response));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  #pass(target, request, response) {
    const seen = { method: request.method, address: request.url, at: Date.now() };
    this.seen.push(seen);
    const passed = http.request(target + request.url, { method: request.method, headers: request.headers, agent: false }, (answer) => {
      seen.isStream = (answer.headers['content-type'] ?? '').startsWith('text/event-stream');
      if (seen.isStream) this.open.add(seen);
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => {
      this.open.delete(seen);
      passed.destroy();
    });
    request.pipe(passed);
  }

  /** How many event streams are open. */
  streams() {
    return this.open.size;
  }

  /** What was asked for since a moment. */
  since(moment) {
    return this.seen.filter(({ at }) => at >= moment);
  }

  /** Breaks every connection, as a network does. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
