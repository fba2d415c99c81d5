// A TCP proxy in front of a server that does to connections what networks do: cut, stall, delay, and lose the one
// answer that matters. Faults are ordered by bytes seen, never by time.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

const QUEUE_BYTES = 256 * 1024;
// A pattern may be as long as this.
const TAIL_BYTES = 256;
// PostgreSQL's ReadyForQuery up to its last byte, the transaction's state: the answer to a statement is complete.
const ANSWER_END = Buffer.from([0x5a, 0, 0, 0, 5]);

/** One-shot: what to do when a client's bytes contain the pattern. */
interface Trap {
  readonly pattern: Buffer;
  readonly when: 'before' | 'after';
  readonly sprung: () => void;
}

export class FaultProxy {
  readonly #server: Server;
  #target: { readonly port: number; readonly host: string };
  readonly #links = new Set<Link>();
  readonly #stranded: Link[] = [];
  #trap: Trap | undefined;
  #budget: { left: number; spent: () => void } | undefined;
  #holding: { promise: Promise<void>; release: () => void } | undefined;
  #latencyMs = 0;
  #sliceBytes = Number.POSITIVE_INFINITY;
  #accepted = 0;

  constructor(target: { readonly port: number; readonly host: string }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** Open connections now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections since the proxy was opened. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The same url, through the proxy. */
  url(direct: string): string {
    const url = new URL(direct);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** Where new connections go from here on; open ones are reset. */
  turnTo(port: number): void {
    this.#target = { ...this.#target, port };
    this.cut();
  }

  /** Resets every connection, on both sides. */
  cut(): void {
    for (const link of this.#links) link.reset();
  }

  /** Every client loses its connection, and the server never hears of it: its ends stay open until the proxy closes. */
  strand(): void {
    for (const link of this.#links) {
      link.strand();
      this.#stranded.push(link);
    }
  }

  /**
   * On: nothing passes in either direction, not even the end of a connection; new ones are accepted and hear nothing.
   * Off: what was held passes, as after a network partition.
   */
  blackhole(on: boolean): void {
    if (!on) {
      this.#holding?.release();
      this.#holding = undefined;
    } else if (this.#holding === undefined) {
      let release = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        release = resolve;
      });
      this.#holding = { promise, release };
    }
  }

  /** Every byte arrives this much later, in each direction. */
  latency(ms: number): void {
    this.#latencyMs = ms;
  }

  /** Bytes arrive in pieces of this many, one after the other. */
  slice(bytes: number): void {
    this.#sliceBytes = bytes;
  }

  /**
   * Once, on the first connection whose client sends the pattern. `before`: the bytes are not forwarded, and the
   * connection is reset. `after`: they are, and when the server has answered, the answer is dropped and the
   * connection is reset: a lost reply. Resolves when that has happened.
   */
  cutOn(pattern: Buffer | string, when: 'before' | 'after'): Promise<void> {
    return new Promise((resolve) => {
      this.#trap = { pattern: Buffer.from(pattern), when, sprung: resolve };
    });
  }

  /** Resets every connection after `bytes` more bytes, both directions together. Resolves when that has happened. */
  limitBytes(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#budget = { left: bytes, spent: resolve };
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  /** Resets what is open. Safe to call twice. */
  async close(): Promise<void> {
    this.blackhole(false);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    for (const link of this.#stranded) link.release();
    await closed;
  }

  #accept(client: Socket): void {
    this.#accepted++;
    const link = new Link(client, this.#target, {
      latencyMs: () => this.#latencyMs,
      sliceBytes: () => this.#sliceBytes,
      passable: () => this.#holding?.promise,
      takeTrap: (tail, bytes) => this.#takeTrap(tail, bytes),
      allowance: (bytes) => this.#allowance(bytes),
    });
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }

  /** Matches end in the new bytes: what was sent before the trap was set does not spring it. */
  #takeTrap(tail: Buffer, bytes: Buffer): Trap | undefined {
    const trap = this.#trap;
    if (trap === undefined) return undefined;
    const before = tail.subarray(Math.max(0, tail.length - trap.pattern.length + 1));
    if (!Buffer.concat([before, bytes]).includes(trap.pattern)) return undefined;
    this.#trap = undefined;
    return trap;
  }

  /** How many of these bytes may pass; resets everything once the limit is reached. */
  #allowance(bytes: number): number {
    const budget = this.#budget;
    if (budget === undefined) return bytes;
    const allowed = Math.min(bytes, budget.left);
    budget.left -= allowed;
    if (budget.left > 0) return allowed;
    this.#budget = undefined;
    setImmediate(() => {
      this.cut();
      budget.spent();
    });
    return allowed;
  }
}

interface Faults {
  latencyMs(): number;
  sliceBytes(): number;
  passable(): Promise<void> | undefined;
  takeTrap(tail: Buffer, bytes: Buffer): Trap | undefined;
  allowance(bytes: number): number;
}

/** One client and its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #faults: Faults;
  #upstream: Socket | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #losing: Trap | undefined;
  #dead = false;
  #stranded = false;

  constructor(client: Socket, target: { readonly port: number; readonly host: string }, faults: Faults) {
    this.#client = client;
    this.#faults = faults;
    client.setNoDelay(true).pause();
    client.on('error', () => undefined);
    void this.#open(target);
  }

  async #open(target: { readonly port: number; readonly host: string }): Promise<void> {
    await this.#faults.passable();
    if (this.#dead) return;
    const upstream = connect({ ...target, noDelay: true });
    this.#upstream = upstream;
    upstream.on('error', () => this.reset());
    void this.#pump(this.#client, upstream, (bytes) => this.#fromClient(bytes));
    void this.#pump(upstream, this.#client, (bytes) => this.#fromServer(bytes));
  }

  /** Moves bytes and the end of the stream, each not before its time. */
  async #pump(from: Socket, to: Socket, inspect: (bytes: Buffer) => Buffer | undefined): Promise<void> {
    const queue: { readonly bytes: Buffer; readonly due: number }[] = [];
    let queued = 0;
    let ended = false;
    let wake = (): void => undefined;
    from.on('data', (bytes: Buffer) => {
      queue.push({ bytes, due: performance.now() + this.#faults.latencyMs() });
      queued += bytes.length;
      if (queued > QUEUE_BYTES) from.pause();
      wake();
    });
    for (const event of ['end', 'close']) {
      from.once(event, () => {
        ended = true;
        wake();
      });
    }
    from.resume();
    for (;;) {
      const item = queue.shift();
      if (item === undefined) {
        if (ended) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const early = item.due - performance.now();
      if (early > 0) await sleep(early);
      await this.#faults.passable();
      const bytes = inspect(item.bytes);
      if (bytes !== undefined) await this.#send(to, bytes);
      queued -= item.bytes.length;
      if (queued <= QUEUE_BYTES) from.resume();
    }
    await this.#faults.passable();
    if (!this.#stranded) to.end();
  }

  async #send(to: Socket, bytes: Buffer): Promise<void> {
    const size = this.#faults.sliceBytes();
    for (let from = 0; from < bytes.length && !to.destroyed; from += size) {
      if (!to.write(bytes.subarray(from, from + size))) await drained(to);
      // The next piece is not sent together with this one.
      if (from + size < bytes.length) await nextTurn();
    }
  }

  #fromClient(bytes: Buffer): Buffer | undefined {
    // A pattern may come in two pieces; the piece before was forwarded, which is harmless: a message is acted on whole.
    const trap = this.#faults.takeTrap(this.#tail, bytes);
    this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-TAIL_BYTES);
    if (trap?.when === 'before') {
      this.reset();
      trap.sprung();
      return undefined;
    }
    this.#losing ??= trap;
    return this.#limited(bytes);
  }

  #fromServer(bytes: Buffer): Buffer | undefined {
    const trap = this.#losing;
    if (trap === undefined) return this.#limited(bytes);
    if (bytes.subarray(-6, -1).equals(ANSWER_END) || isOnePacket(bytes) || endsRows(bytes)) {
      this.reset();
      trap.sprung();
    }
    return undefined;
  }

  #limited(bytes: Buffer): Buffer {
    return bytes.subarray(0, this.#faults.allowance(bytes.length));
  }

  strand(): void {
    this.#stranded = true;
    this.#dead = true;
    this.#client.resetAndDestroy();
  }

  release(): void {
    this.#upstream?.resetAndDestroy();
  }

  reset(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#client.resetAndDestroy();
    this.#upstream?.resetAndDestroy();
  }
}

/** MySQL answers a statement that returns no rows with one packet, the first: its length, its number, what it says. */
function isOnePacket(bytes: Buffer): boolean {
  return bytes.length > 4 && bytes.readUIntLE(0, 3) === bytes.length - 4 && bytes[3] === 1;
}

/** MySQL ends the rows of an answer with a short packet of its own. */
function endsRows(bytes: Buffer): boolean {
  return [9, 11].some((size) => bytes.at(-size) === size - 4 && bytes.at(4 - size) === 0xfe);
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

/** A proxy to a server, on a free port of the loopback interface. */
export async function openProxy(targetPort: number, host = '127.0.0.1'): Promise<FaultProxy> {
  const proxy = new FaultProxy({ port: targetPort, host });
  await proxy.listen();
  return proxy;
}
