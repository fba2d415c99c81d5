// The client side of one binary log dump: events in, nothing out. The driver logs in; then its bytes go to us, because it
// makes several objects of each packet and holds a large one as a whole.

import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import { Packets } from './packets.ts';
import { PAYLOAD_EVENT, type PayloadHandler, PayloadReader } from './payload.ts';

/** What arrives. An error thrown here ends the reading. */
export interface DumpHandler {
  /** An event lies in `bytes` from `start` to `end`; valid during the call only. */
  event(bytes: Buffer, start: number, end: number): void;
  /** A compressed transaction begins. */
  payload(): PayloadHandler;
  /** The reading ended, other than by `stop`. Called once. */
  failed(error: MigrateError): void;
}

export interface DumpOptions {
  /** Logged in and idle. Belongs to the dump from here on. */
  readonly connection: Connection;
  readonly handler: DumpHandler;
  /** How long the server may say nothing. */
  readonly networkTimeoutMs: number;
  /** Who reads: an earlier reader of that name is ended by the server. Without a name the dump ends where the log does. */
  readonly reader?: string;
}

/** The parts of mysql2's connection that bytes pass through. */
interface Wire {
  readonly stream: Duplex;
  readonly packetParser: { execute: (chunk: Buffer) => void };
}

const DUMP = 0x12;
const END_AT_END = 0x01;
const OK = 0x00;
const ERROR = 0xff;
const END = 0xfe;
/** In the packet of an error: its mark, its number, a sign and five characters of state. */
const ERROR_HEAD = 9;
/** In a packet: where the type of its event stands. */
const TYPE_AT = 5;
/** How often the time since the last packet is looked at, and a sign of life asked for, in the time that is allowed. */
const LOOKS = 3;

export class BinlogDump {
  readonly #options: DumpOptions;
  readonly #wire: Wire;
  readonly #packets = new Packets();
  /** Of a message that has not arrived as a whole. */
  #parts: Buffer[] = [];
  #payload: PayloadReader | undefined;
  #state: 'idle' | 'reading' | 'ended' = 'idle';
  #paused = false;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DumpOptions) {
    this.#options = options;
    this.#wire = options.connection as unknown as Wire;
  }

  /** Resolves when the server was asked. What it answers, refusals included, goes to the handler. */
  async start(file: string, at: number): Promise<void> {
    const { connection, reader, networkTimeoutMs } = this.#options;
    const period = Math.ceil(networkTimeoutMs / LOOKS) * 1_000_000;
    // Under the names of before and after MySQL 8.0.26. While reading is held the server must wait.
    await connection.promise().query(
      `SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum,
        @master_heartbeat_period = ${period}, @source_heartbeat_period = ${period},
        @mariadb_slave_capability = 4,
        SESSION net_write_timeout = 31536000`,
    );
    if (this.#state === 'ended') return;
    this.#state = 'reading';
    const { stream, packetParser } = this.#wire;
    packetParser.execute = (chunk) => {
      this.#heardAt = performance.now();
      this.#packets.add(chunk);
      this.#read();
    };
    const lost = (): void =>
      this.fail(new MigrateError('SOURCE.CONNECTION', 'the source ended the connection that reads its log'));
    stream.once('close', lost);
    connection.on('error', lost);
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => this.#look(), networkTimeoutMs / LOOKS);
    stream.write(command(file, at, reader));
  }

  pause(): void {
    this.#paused = true;
    this.#wire.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    // The silence so far was ours.
    this.#heardAt = performance.now();
    this.#read();
    if (!this.#paused) this.#wire.stream.resume();
  }

  /** Ends the reading with an error; the first one counts. */
  fail(error: MigrateError): void {
    if (this.#state === 'ended') return;
    this.stop();
    this.#options.handler.failed(error);
  }

  /** Cuts the connection: the server knows no goodbye here. Safe to call twice. */
  stop(): void {
    this.#state = 'ended';
    clearInterval(this.#timer);
    this.#options.connection.destroy();
  }

  /** Until somebody has enough, or everything that has arrived is read. */
  #read(): void {
    try {
      while (this.#state === 'reading' && !this.#paused) {
        if (this.#payload?.step() === true) continue;
        if (this.#payload?.isDone === true) this.#payload = undefined;
        if (!this.#packets.take()) return;
        this.#piece();
      }
    } catch (error) {
      this.fail(
        error instanceof MigrateError
          ? error
          : new MigrateError('STREAM.UNKNOWN', 'an event in the log is malformed', { cause: error }),
      );
    }
  }

  #piece(): void {
    const { bytes, at, end, isFirst, isLast } = this.#packets;
    if (this.#payload !== undefined) this.#payload.add(bytes.subarray(at, end), isLast);
    else if (isFirst && isLast) this.#message(bytes, at, end, true);
    else {
      this.#parts.push(bytes.subarray(at, end));
      if (!isLast && this.#parts.length > 1) return;
      const message = isLast ? Buffer.concat(this.#parts) : bytes.subarray(at, end);
      this.#message(message, 0, message.length, isLast);
    }
  }

  /** `isWhole`: it ends here; else only what can be read in pieces is read. */
  #message(bytes: Buffer, at: number, end: number, isWhole: boolean): void {
    const mark = bytes[at];
    if (mark === OK && end - at > TYPE_AT && bytes[at + TYPE_AT] === PAYLOAD_EVENT) {
      this.#payload = new PayloadReader(this.#options.handler.payload());
      this.#payload.add(bytes.subarray(at + 1, end), isWhole);
    } else if (!isWhole) return;
    else if (mark === OK) this.#options.handler.event(bytes, at + 1, end);
    else if (mark === ERROR) throw refusal(bytes.readUInt16LE(at + 1), bytes.toString('utf8', at + ERROR_HEAD, end));
    else if (mark === END) throw new MigrateError('SOURCE.CONNECTION', 'the source ended its log');
    else throw new MigrateError('STREAM.UNKNOWN', `the source sent a packet of kind ${mark} instead of its log`);
    this.#parts = [];
  }

  #look(): void {
    if (this.#paused || performance.now() - this.#heardAt <= this.#options.networkTimeoutMs) return;
    this.fail(new MigrateError('STREAM.SILENT', `the source sent nothing for ${this.#options.networkTimeoutMs} ms`));
  }
}

function command(file: string, at: number, reader: string | undefined): Buffer {
  const name = Buffer.from(file);
  const packet = Buffer.alloc(4 + 11 + name.length);
  packet.writeUIntLE(packet.length - 4, 0, 3);
  packet.writeUInt8(DUMP, 4);
  packet.writeUInt32LE(at, 5);
  packet.writeUInt16LE(reader === undefined ? END_AT_END : 0, 9);
  packet.writeUInt32LE(reader === undefined ? 0 : readerId(reader), 11);
  name.copy(packet, 15);
  return packet;
}

/** Of two readers with one number the server ends the first; every server has a number as well. */
function readerId(reader: string): number {
  return 0x4000_0000 + createHash('sha256').update(reader).digest().readUIntBE(0, 3);
}

const FATAL_READING = 1236;
const DENIED = new Set([1045, 1227]);

/** The server's words about its log hold no values. */
function refusal(code: number, message: string): MigrateError {
  if (code !== FATAL_READING) {
    return new MigrateError(
      DENIED.has(code) ? 'SOURCE.REFUSED' : 'SOURCE.CONNECTION',
      `the source does not send its log: ${message}`,
      {
        ...(DENIED.has(code) ? { fix: 'GRANT REPLICATION SLAVE ON *.* TO the user of source.url.' } : {}),
      },
    );
  }
  if (/same server[_ ](uuid|id)|slave with the same/i.test(message)) {
    return new MigrateError('SOURCE.CONNECTION', 'another reader of this run took over the log');
  }
  return new MigrateError('STREAM.GONE', `the source cannot send its log from here: ${message}`, { fix: PURGED });
}

const PURGED =
  'The gap cannot be closed: abort with --drop and start again. Keep logs longer before: SET GLOBAL binlog_expire_logs_seconds.';
