// The package that others read MySQL's log with, installed for the time of a benchmark.

import { execFile } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = '@vlasky/zongji';
export const ZONGJI = `${PACKAGE} 0.9.0`;

export interface Zongji {
  /** How many rows were changed from this place of the log on, until there were `wanted`. */
  read(from: { readonly port: number; readonly file: string; readonly at: number }, wanted: number): Promise<number>;
  remove(): Promise<void>;
}

interface Reader extends EventEmitter {
  start(options: Readonly<Record<string, unknown>>): void;
  stop(): void;
}

type ReaderClass = new (options: Readonly<Record<string, unknown>>) => Reader;

/** Into a folder of its own, which `remove` takes away. */
export async function installZongji(): Promise<Zongji> {
  const folder = await mkdtemp(join(tmpdir(), 'migrate-bench-'));
  await run('npm', ['install', '--silent', '--no-save', '--prefix', folder, ZONGJI.replace(' ', '@')]);
  const entry = createRequire(join(folder, 'package.json')).resolve(PACKAGE);
  const { default: ZongJi } = (await import(pathToFileURL(entry).href)) as { readonly default: ReaderClass };
  return {
    read: ({ port, file, at }, wanted) => {
      const reader = new ZongJi({ host: '127.0.0.1', port, user: 'root', ...EXACT });
      return new Promise((resolve, reject) => {
        let rows = 0;
        reader.on('binlog', ({ rows: changed }: { readonly rows?: readonly unknown[] }) => {
          rows += changed?.length ?? 0;
          if (rows < wanted) return;
          reader.stop();
          resolve(rows);
        });
        reader.on('error', reject);
        reader.start({
          filename: file,
          position: at,
          serverId: 77,
          includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'rotate', 'xid', 'query'],
        });
      });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** So that no value loses anything, as far as the package can. */
const EXACT = { dateStrings: true, jsonStrings: true, supportBigNumbers: true, bigNumberStrings: true };
