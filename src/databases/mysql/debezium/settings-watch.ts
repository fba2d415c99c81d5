// Looks at how the source logs what its sessions write: rows that it logs as statements or in parts Debezium passes over without
// a word. What a session has set for itself nobody else can see.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import { askTexts } from '../log/source-facts.ts';

/** What whole rows need. A server that does not have one of them cannot do otherwise. */
const WANTED: ReadonlyMap<string, string> = new Map([
  ['binlog_format', 'ROW'],
  ['binlog_row_image', 'FULL'],
  ['binlog_row_value_options', ''],
]);

export class SettingsWatch {
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** `failed` is called once. Whether the source answers at all others look after. */
  start(intervalMs: number, failed: (error: MigrateError) => void): void {
    this.#timer = setInterval(() => {
      if (this.#asking) return;
      this.#asking = true;
      this.#look().then(
        (error) => {
          this.#asking = false;
          if (error === undefined || this.#timer === undefined) return;
          this.close();
          failed(error);
        },
        () => this.close(),
      );
    }, intervalMs);
  }

  /** The connection stays open. Safe to call twice. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<MigrateError | undefined> {
    const names = [...WANTED.keys()].map((name) => `'${name}'`).join(', ');
    const found = await askTexts(this.#connection, `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`);
    const [name, value] = found.find(([one, set]) => set?.toUpperCase() !== WANTED.get(one ?? '')) ?? [];
    if (name === undefined || name === null) return undefined;
    const wanted = WANTED.get(name);
    return new MigrateError(
      'STREAM.FORMAT',
      `${name} of the source was set to ${value}: Debezium passes over such changes`,
      {
        fix: `SET GLOBAL ${name} = ${wanted === '' ? "''" : wanted} and let every session that began meanwhile reconnect; then abort with --drop and start again.`,
      },
    );
  }
}
