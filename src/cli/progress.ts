// Shows a run: redrawn in place on a terminal, one plain line now and then elsewhere.

import { createLogUpdate } from 'log-update';
import type { Log } from '../observe/log.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import { type Io, isInteractive, say, shown } from './io.ts';
import { statusLine, statusLines } from './status-text.ts';

const FRAME_MS = 200;
const PLAIN_MS = 10_000;

export interface Progress {
  follow(read: () => StatusSnapshot): void;
  /** A log whose lines do not tear the frame. */
  wrap(log: Log): Log;
  stop(): void;
}

export function showProgress(io: Io, quiet: boolean): Progress {
  if (quiet) return { follow: () => undefined, wrap: (log) => log, stop: () => undefined };
  return isInteractive(io) ? frames(io) : plainLines(io);
}

function frames(io: Io): Progress {
  const update = createLogUpdate(io.stderr as NodeJS.WriteStream);
  let timer: NodeJS.Timeout | undefined;
  return {
    follow: (read) => {
      clearInterval(timer);
      timer = setInterval(
        () =>
          update(
            statusLines(read())
              .map((line) => shown(io, line))
              .join('\n'),
          ),
        FRAME_MS,
      );
      timer.unref();
    },
    wrap: (log) => {
      const cleared =
        (method: 'debug' | 'info' | 'warn' | 'error'): Log['info'] =>
        (message, fields) => {
          update.clear();
          log[method](message, fields);
        };
      return { debug: cleared('debug'), info: cleared('info'), warn: cleared('warn'), error: cleared('error') };
    },
    stop: () => {
      clearInterval(timer);
      update.done();
    },
  };
}

function plainLines(io: Io): Progress {
  let timer: NodeJS.Timeout | undefined;
  return {
    follow: (read) => {
      clearInterval(timer);
      timer = setInterval(() => say(io, statusLine(read())), PLAIN_MS);
      timer.unref();
    },
    wrap: (log) => log,
    stop: () => clearInterval(timer),
  };
}
