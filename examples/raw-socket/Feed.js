/** The gateway is shutting down, a client was too slow, or the network broke: the same client may come again. */
const FINAL_CODES = new Set([1002, 1003, 1007, 1008, 1009]);
const PING_MS = 15_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * One subscription over the raw protocol. It reconnects without an end, and gives the last cursor of each stream, so that it
 * goes on where it was.
 *
 * handlers: onMessage(message) gets market data and statuses; onConnection(isOpen) is told about one's own connection;
 * onEnd(reason) is called once, if it is of no use to try again.
 */
export class Feed {
  #url;
  #request;
  #handlers;
  #socket;
  #timer;
  #attempts = 0;
  #wasHeard = false;
  /** The last cursor of each stream. */
  #cursors = new Map();

  constructor(url, request, handlers) {
    this.#url = url;
    this.#request = request;
    this.#handlers = handlers;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined; // Nothing of it counts from now on.
    socket?.close();
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#send({ action: 'subscribe', id: 'feed', ...this.#request, resume: [...this.#cursors.values()] });
      this.#handlers.onConnection(true);
    });
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket !== this.#socket) return;
      if (FINAL_CODES.has(code)) this.#end(`the gateway closed the connection: ${code} ${reason}`);
      else this.#reconnect();
    });
    this.#wasHeard = true;
    this.#watch();
  }

  /** A connection may die without a word. Each ping is answered, so silence between two of them means that it is dead. */
  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#wasHeard) {
        this.#reconnect();
        return;
      }
      this.#wasHeard = false;
      this.#send({ action: 'ping' });
      this.#watch();
    }, PING_MS);
  }

  #receive(message) {
    this.#wasHeard = true;
    if (message.type === 'data') {
      const { broker, symbol, type, cursor } = message.data;
      this.#cursors.set(`${broker} ${symbol} ${type}`, cursor);
    } else if (message.type === 'error' && message.id === 'feed' && !message.retryable) {
      this.#end(message.message);
      return;
    } else if (message.type === 'error') {
      this.#reconnect(message.retryAfterMs);
      return;
    } else if (message.status === 'subscribed') {
      this.#attempts = 0;
    }
    this.#handlers.onMessage(message);
  }

  /** Waits for longer each time, and not as long as others do, so that not all clients come back at the same moment. */
  #reconnect(leastMs = 0) {
    this.close();
    this.#handlers.onConnection(false);
    const longestMs = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), leastMs + longestMs * (0.1 + 0.9 * Math.random()));
  }

  #end(reason) {
    this.close();
    this.#handlers.onEnd(reason);
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
