// The log: JSON lines for machines, one plain line per event for people. Secrets and control characters never pass.

import { pino } from 'pino';
import { MigrateError } from '../lib/errors.ts';
import { withoutControls } from './control-characters.ts';
import type { Secrets } from './secrets.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Every key a line may carry: one name per thing, so that lines can be searched. Never a row's values. */
interface LogFields {
  readonly stage?: string;
  readonly table?: string;
  readonly position?: string;
  readonly rows?: number;
  readonly seconds?: number;
  readonly ms?: number;
  readonly code?: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly url?: string;
  readonly err?: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** JSON lines; else plain lines. */
  readonly json: boolean;
  readonly secrets: Secrets;
  /** Written to at once, so that nothing is lost when the process is killed. */
  readonly stream: NodeJS.WritableStream;
}

/** An error as it is logged. No other property of it: a driver's error quotes cell values in its details. */
interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

const MOST_CAUSES = 5;

export function createLog(options: LogOptions): Log {
  const { level, json, secrets, stream } = options;
  // A terminal that was closed, or a reader that went away, must not end the run.
  stream.on('error', () => undefined);
  const clean = (text: string): string => secrets.scrub(withoutControls(text));
  const destination = { write: (line: string) => void stream.write(json ? line : plainLine(line)) };
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      // Pino's own would add to what was chosen here.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const write = (at: LogLevel, message: string, fields: LogFields = {}): void => {
    if (logger.isLevelEnabled(at)) logger[at](cleanFields(fields, clean), clean(message));
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

function cleanFields(fields: LogFields, clean: (text: string) => string): Record<string, unknown> {
  const entries = Object.entries(fields).map(([key, value]) => {
    if (key === 'err') return [key, loggedError(value, clean)];
    return [key, typeof value === 'string' ? clean(value) : value];
  });
  return Object.fromEntries(entries);
}

function loggedError(thrown: unknown, clean: (text: string) => string, depth = 0): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: clean(String(thrown)) };
  const { code } = thrown as { code?: unknown };
  // A database's own words may quote a cell; what may be said of them stands in the error that they caused.
  if (!(thrown instanceof MigrateError) && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    return { type: thrown.name, code, message: `SQLSTATE ${code}` };
  }
  // The stack of an expected failure says nothing that its code does not.
  const expected = thrown instanceof MigrateError && thrown.disposition !== 'bug';
  return {
    type: thrown.name,
    ...(typeof code === 'string' ? { code: clean(code) } : {}),
    message: clean(thrown.message),
    ...(expected || thrown.stack === undefined ? {} : { stack: clean(thrown.stack) }),
    ...(thrown.cause === undefined || depth >= MOST_CAUSES
      ? {}
      : { cause: loggedError(thrown.cause, clean, depth + 1) }),
  };
}

/** `HH:MM:SS level message key=value …` in the local time; a stack follows, indented. */
function plainLine(line: string): string {
  const { time, level, message, err, ...fields } = JSON.parse(line) as Record<string, unknown> & { err?: LoggedError };
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${plainValue(value)}`);
  if (err !== undefined) {
    pairs.push(`err=${plainValue(err.code === undefined ? err.message : `${err.code} ${err.message}`)}`);
  }
  const text = [clock, String(level).padEnd(5), indented(String(message)), ...pairs].join(' ');
  return err?.stack === undefined ? `${text}\n` : `${text}\n    ${indented(err.stack)}\n`;
}

function plainValue(value: unknown): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

/** Further lines are indented, so that no text can look like a line of the log. */
function indented(text: string): string {
  return text.replaceAll('\n', '\n    ');
}
