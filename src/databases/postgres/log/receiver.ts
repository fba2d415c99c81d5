// The client side of one replication connection: frames in, status updates out. It confirms what it was told was durable
// and nothing else, and goes on doing so while reading is held, so that the server never takes a held run for a dead one.

import type { EventEmitter } from 'node:events';
import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { Session } from '../connection.ts';
import { sqlState, translateError } from '../errors.ts';
import { quoteLiteral, quoteName } from '../sql.ts';
import { takeFrames } from './frames.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { ReadPace } from './read-pace.ts';

/** What arrives. An error thrown here ends the reading. */
export interface ReceiverHandler {
  /** A message of the output plugin lies in `bytes` from `start` to `end`; valid during the call only. */
  data(bytes: Buffer, start: number, end: number): void;
  keepalive(walEnd: bigint): void;
  /** The reading ended, other than by `stop`. Called once. */
  failed(error: MigrateError): void;
}

export interface ReceiverOptions {
  readonly session: Session;
  readonly handler: ReceiverHandler;
  /** How often the server is told the position, and asked for an answer. */
  readonly statusIntervalMs: number;
  /** How long the server may say nothing. */
  readonly networkTimeoutMs: number;
}

interface Notice {
  readonly code?: string;
  readonly message?: string;
}

/** The parts of pg's connection that carry COPY data in both directions. */
interface Wire {
  readonly stream: EventEmitter & { pause(): void; resume(): void; readonly encrypted?: true };
  on(event: 'notice', listener: (notice: Notice) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const DATA = 0x77; // w
const KEEPALIVE = 0x6b; // k
const DATA_HEADER = 25;
/** Microseconds from 1970 to 2000, where the server's clock begins. */
const EPOCH_MICROSECONDS = 946_684_800_000_000n;
/** How long a stop waits for the server's goodbye before the connection is cut. */
const GOODBYE_MS = 1_000;

export class WalReceiver {
  readonly #session: Session;
  readonly #wire: Wire;
  readonly #handler: ReceiverHandler;
  readonly #options: ReceiverOptions;
  #confirmed = 0n;
  #state: 'idle' | 'streaming' | 'ended' = 'idle';
  #paused = false;
  #resting = false;
  readonly #pace = new ReadPace();
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #saidGoodbye = false;
  #started: () => void = () => undefined;
  #outcome: Promise<unknown> = Promise.resolve();

  constructor(options: ReceiverOptions) {
    this.#session = options.session;
    this.#wire = (options.session.client as unknown as { connection: Wire }).connection;
    this.#handler = options.handler;
    this.#options = options;
    // Every message is a record of TLS and arrives as a block of its own, however many were read at once: none may be a rest.
    const { encrypted = false } = this.#wire.stream;
    takeFrames(this.#wire.stream, {
      block: (bytes) => {
        this.#heardAt = performance.now();
        if (encrypted) return;
        const restMs = this.#pace.after(bytes);
        if (restMs > 0) this.#rest(restMs);
      },
      copyData: (bytes, start, end) => this.#receive(bytes, start, end),
    });
    this.#wire.on('notice', (notice) => this.#noticed(notice));
    this.#wire.once('replicationStart', () => this.#begin());
  }

  /** Resolves when the server streams; a transaction that `from` stands in is sent from its begin. Rejects with what the server answered; then it may be called again. */
  async start(slot: string, publication: string, from: Position): Promise<void> {
    this.#confirmed = parseLsn(from);
    const started = new Promise<void>((resolve) => {
      this.#started = resolve;
    });
    const ended = this.#session.run(
      `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(this.#confirmed)} (proto_version '1', ` +
        `publication_names ${quoteLiteral(quoteName(publication))}, messages 'true')`,
      [],
      { timeoutMs: 0 },
    );
    // The server can refuse only before it starts; what ends it later is told to the handler.
    await Promise.race([started, ended]);
    this.#outcome = ended.then(
      () => this.fail(this.#connectionLost('the server ended the stream')),
      (error: unknown) => this.fail(translateStreamError(this.#session, error)),
    );
  }

  /** Everything up to here is durable elsewhere: the server may discard it. Told with the next status update. */
  confirm(position: Position): void {
    const lsn = parseLsn(position);
    if (lsn > this.#confirmed) this.#confirmed = lsn;
  }

  pause(): void {
    this.#paused = true;
    this.#wire.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    // The silence so far was ours.
    this.#heardAt = performance.now();
    if (!this.#resting) this.#wire.stream.resume();
  }

  #rest(forMs: number): void {
    if (this.#resting || this.#state !== 'streaming') return;
    this.#resting = true;
    this.#wire.stream.pause();
    setTimeout(() => {
      this.#resting = false;
      if (!this.#paused) this.#wire.stream.resume();
    }, forMs);
  }

  /** Ends the reading with an error; the first one counts. */
  fail(error: MigrateError): void {
    if (this.#state !== 'streaming') return;
    this.#end();
    this.#handler.failed(error);
  }

  /** Confirms a last time, says goodbye, and cuts the connection if the server does not answer. Safe to call twice. */
  async stop(): Promise<void> {
    this.#end();
    if (!this.#saidGoodbye) {
      this.#saidGoodbye = true;
      this.#sendStatus(false);
      this.#wire.endCopyFrom();
    }
    // What is still on its way stands before the server's answer; it is read and dropped.
    this.#wire.stream.resume();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GOODBYE_MS, undefined);
    });
    const inTime = await Promise.race([this.#outcome.then(() => true), late]);
    clearTimeout(timer);
    if (inTime !== true) this.#session.destroy(new Error('the server did not end the stream'));
    await this.#session.close();
  }

  // In the same turn as the server's answer: the first frames may stand right behind it.
  #begin(): void {
    this.#state = 'streaming';
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), this.#options.statusIntervalMs);
    this.#sendStatus(true);
    this.#started();
  }

  #end(): void {
    this.#state = 'ended';
    clearInterval(this.#timer);
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'ended') return;
    try {
      const kind = bytes[start];
      if (kind === DATA) this.#handler.data(bytes, start + DATA_HEADER, end);
      else if (kind === KEEPALIVE) this.#keepalive(bytes, start);
      else throw new MigrateError('STREAM.UNKNOWN', `the server sent a replication message of kind ${kind}`);
    } catch (error) {
      this.fail(
        error instanceof MigrateError
          ? error
          : new MigrateError('STREAM.UNKNOWN', 'a message in the log is malformed', { cause: error }),
      );
    }
  }

  #keepalive(bytes: Buffer, start: number): void {
    this.#handler.keepalive(bytes.readBigUInt64BE(start + 1));
    if (bytes[start + 17] === 1) this.#sendStatus(false);
  }

  // From PostgreSQL 18 on a publication that does not exist is a warning, and its changes are left out.
  #noticed(notice: Notice): void {
    if (notice.code !== '55000') return;
    this.fail(new MigrateError('STREAM.GONE', `the source leaves changes out of the stream: ${notice.message}`));
  }

  #tick(): void {
    if (!this.#paused && performance.now() - this.#heardAt > this.#options.networkTimeoutMs) {
      this.fail(new MigrateError('STREAM.SILENT', `the source sent nothing for ${this.#options.networkTimeoutMs} ms`));
      return;
    }
    this.#sendStatus(!this.#paused);
  }

  #sendStatus(askForAnswer: boolean): void {
    const status = Buffer.allocUnsafe(34);
    status[0] = 0x72; // r
    // written, flushed, applied: all the same, because only what is durable on the target may be discarded here
    status.writeBigUInt64BE(this.#confirmed, 1);
    status.writeBigUInt64BE(this.#confirmed, 9);
    status.writeBigUInt64BE(this.#confirmed, 17);
    status.writeBigInt64BE(BigInt(Date.now()) * 1_000n - EPOCH_MICROSECONDS, 25);
    status[33] = askForAnswer ? 1 : 0;
    this.#wire.sendCopyFromChunk(status);
  }

  #connectionLost(message: string): MigrateError {
    return translateError(this.#session.side, Object.assign(new Error(message), { code: 'ECONNRESET' }));
  }
}

// undefined_object: the slot or the publication; object_not_in_prerequisite_state: the slot was invalidated;
// undefined_file: the log was removed.
const GONE_STATES = new Set(['42704', '55000', '58P01']);

/** What the server says when it cannot stream from a slot, or no longer. */
export function translateStreamError(session: Session, error: unknown): MigrateError {
  const state = sqlState(error);
  const translated = translateError(session.side, error);
  if (state === undefined) return translated;
  if (GONE_STATES.has(state)) return new MigrateError('STREAM.GONE', translated.message, { cause: error });
  // Internal error. Seen with 18 after TRUNCATEs among concurrent writers: "could not map filenumber to relation".
  if (state === 'XX000') return new MigrateError('STREAM.UNDECODABLE', translated.message, { cause: error });
  return translated;
}
