// One migration of a test: two databases with a small shop in them, a workspace, and the commands on its plan.

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { StatusSnapshot } from '../../src/observe/status.ts';
import { compareDatabases } from '../fleet/compare.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import {
  type MigrateOptions,
  type MigrateProcess,
  type MigrateResult,
  openWorkspace,
  startMigrate,
  type Workspace,
} from '../fleet/runner.ts';

/** Small, but with what a copy can get wrong: a unique value, a text that is kept outside the row, a sequence. */
export const SHOP = `
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TABLE app.items (
  id bigint PRIMARY KEY, name text UNIQUE, body text, n integer NOT NULL DEFAULT 0, feeling app.mood DEFAULT 'ok'
);
ALTER TABLE app.items ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE app.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint REFERENCES app.items, t text);
INSERT INTO app.items SELECT n, 'name' || n, repeat('b' || n, 1200), n FROM generate_series(1, 40) n;
INSERT INTO app.notes (item, t) SELECT n, 'note' || n FROM generate_series(1, 40) n;`;

export type Sections = Readonly<Record<string, unknown>>;

export const AUTO = { when: 'auto', reverse: 'off' } as const;
export const MANUAL = { when: 'manual', reverse: 'off' } as const;

export class Scene {
  readonly pair: Pair;
  readonly workspace: Workspace;
  readonly #processes: MigrateProcess[] = [];
  readonly #clients: pg.Client[] = [];
  plan = '';

  constructor(pair: Pair, workspace: Workspace) {
    this.pair = pair;
    this.workspace = workspace;
  }

  get sourceUrl(): string {
    return this.pair.sourceUrl;
  }

  get targetUrl(): string {
    return this.pair.targetUrl;
  }

  /** What the live process says over its control socket; undefined when there is none. */
  async status(): Promise<StatusSnapshot | undefined> {
    const socket = await this.socket();
    return socket === undefined ? undefined : ask(socket, 'GET', '/status').catch(() => undefined);
  }

  /** The control socket of the live process, if there is one. */
  async socket(): Promise<string | undefined> {
    const name = (await readdir(this.workspace.directory)).find((entry) => entry.endsWith('.sock'));
    return name === undefined ? undefined : join(this.workspace.directory, name);
  }

  /** Writes the plan of the run named `test`, again if there is one. */
  async write(sections: Sections = {}): Promise<string> {
    const { sourceUrl, targetUrl } = this.pair;
    this.plan = await this.workspace.writePlan({ name: 'test', sourceUrl, targetUrl, ...sections });
    return this.plan;
  }

  start(args: readonly string[] = ['run', '--json'], options: MigrateOptions = {}): MigrateProcess {
    const process = startMigrate([...args, '-p', this.plan], options);
    this.#processes.push(process);
    return process;
  }

  run(args: readonly string[] = ['run', '--json'], options: MigrateOptions = {}): Promise<MigrateResult> {
    return this.start(args, options).exited;
  }

  /** A connection that is ended with the scene, and that may be killed meanwhile. */
  async connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  onSource(...statements: readonly string[]): Promise<void> {
    return execute(this.sourceUrl, statements);
  }

  onTarget(...statements: readonly string[]): Promise<void> {
    return execute(this.targetUrl, statements);
  }

  /** Asks the live process until what it says is so; rejects when the process has ended. */
  async until(process: MigrateProcess, reached: (status: StatusSnapshot) => boolean): Promise<StatusSnapshot> {
    let ended: MigrateResult | undefined;
    void process.exited.then((result) => {
      ended = result;
    });
    for (;;) {
      const status = await this.status();
      if (status !== undefined && reached(status)) return status;
      if (ended !== undefined) throw new Error(`the process ended with ${ended.code}:\n${ended.stderr.slice(-3000)}`);
      await sleep(20);
    }
  }

  /** Resolves when the run waits for `migrate cutover`. */
  ready(process: MigrateProcess): Promise<StatusSnapshot> {
    return this.until(process, ({ waiting }) => waiting?.includes('waiting for `migrate cutover`') === true);
  }

  /** A path to give to a failpoint's `pause(…)`, and what lets it go on. */
  hold(name: string): { readonly path: string; release(): Promise<void> } {
    const path = join(this.workspace.directory, name);
    return { path, release: () => writeFile(path, '') };
  }

  compare(): ReturnType<typeof compareDatabases> {
    return compareDatabases(this.sourceUrl, this.targetUrl);
  }

  /** Lets a run cut over as soon as it waits for that: it completes, and both sides are equal. */
  async complete(process: MigrateProcess): Promise<MigrateResult> {
    await this.ready(process);
    expect(await this.run(['cutover'])).toMatchObject({ code: 0 });
    const done = await process.exited;
    expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
    expect((await this.compare()).differences).toEqual([]);
    return done;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    for (const process of this.#processes) {
      process.kill('SIGKILL');
      await process.exited.catch(() => undefined);
    }
    await Promise.all(this.#clients.map((client) => client.end().catch(() => undefined)));
    await Promise.all([this.pair.close(), this.workspace.close()]);
  }
}

/** Closed when the test is over. */
export async function openScene(
  options: { readonly schema?: string; readonly sections?: Sections } = {},
): Promise<Scene> {
  const scene = new Scene(await openPair(), await openWorkspace());
  onTestFinished(() => scene.close());
  await scene.onSource(options.schema ?? SHOP);
  await scene.write(options.sections);
  return scene;
}

/** Statements one after the other, each on its own. */
export function execute(url: string, statements: readonly string[]): Promise<void> {
  return withClient(url, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** All rows as arrays of text. */
export function rowsOf(url: string, query: string): Promise<readonly (readonly unknown[])[]> {
  return withClient(url, async (client) => (await client.query({ text: query, rowMode: 'array' })).rows as unknown[][]);
}

/** The SQLSTATE that a statement is refused with; undefined when it is done. */
export function refusal(url: string, statement: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    try {
      await client.query(statement);
      return undefined;
    } catch (error) {
      return error instanceof pg.DatabaseError ? error.code : String(error);
    }
  });
}

/** Resolves once a session of such a name waits for a lock. */
export async function waitsForLock(url: string, application: string): Promise<void> {
  const waiting = `SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.application_name LIKE '${application}' AND a.datname = current_database()`;
  await withClient(url, async (client) => {
    while ((await client.query({ text: waiting, rowMode: 'array' })).rows[0]?.[0] !== true);
  });
}

// Whatever an operator of the source could notice afterwards.
const CATALOG = `
SELECT 'namespace', nspname, nspacl::text, '' FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
UNION ALL SELECT 'class', oid::regclass::text, concat_ws(' ', relkind, relreplident, relhastriggers, relacl), reloptions::text
  FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_toast'
UNION ALL SELECT 'type', oid::regtype::text, typtype::text, '' FROM pg_type WHERE oid >= 16384 AND typtype IN ('e', 'd')
UNION ALL SELECT 'trigger', tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger
UNION ALL SELECT 'function', proname, pronamespace::regnamespace::text, prosrc FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^(pg_catalog|information_schema)$'
UNION ALL SELECT 'publication', pubname, '', '' FROM pg_publication
UNION ALL SELECT 'subscription', subname, '', '' FROM pg_subscription
UNION ALL SELECT 'slot', slot_name::text, '', '' FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'constraint', conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
UNION ALL SELECT 'comment', description, classoid::text, objsubid::text FROM pg_description WHERE objoid >= 16384
UNION ALL SELECT 'setting', setdatabase::text, setrole::text, setconfig::text FROM pg_db_role_setting
ORDER BY 1, 2, 3, 4`;

/** Everything in a database's catalog that a run could leave behind, as lines. */
export async function catalogOf(url: string): Promise<readonly string[]> {
  return (await rowsOf(url, CATALOG)).map((row) => row.join(' | '));
}
