// Sees to it that the source's schema is the one that the run carries: when an attempt begins, every few seconds, and after
// each exact pair. Columns that were added are followed where the plan says so; anything else stops the run by name.

import { followColumns, whyNotNamed } from '../convert/followed-columns.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { SchemaRecord, Source, Start, TableSelection } from '../databases/source.ts';
import type { RunRecord } from '../journal/journal.ts';
import { CODES } from '../lib/codes.ts';
import { MigrateError } from '../lib/errors.ts';
import type { SchemaDrift } from '../model/drift.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { selectionOf } from '../stages/selection.ts';
import type { Endpoints } from './endpoints.ts';

interface Watched extends SchemaRecord {
  readonly selection: TableSelection;
}

export interface SchemaWatchOptions {
  readonly endpoints: Pick<Endpoints, 'source' | 'target'>;
  readonly plan: Pick<Plan, 'schema'>;
  readonly status: RunStatus;
  readonly log: Log;
}

const EVERY_MS = 3_000;
// With thousands of tables a look takes a while; it may take at most this part of the time.
const SHARE = 0.02;
/** What a side refuses may only be the sign of a change on the source, such as a value that the target's type lacks. */
const SIGNS: readonly string[] = ['SCHEMA.CHANGED', 'SOURCE.REFUSED', 'TARGET.REFUSED', 'APPLY.CONSTRAINT'];
const MOST_NAMED = 5;

export class SchemaWatch {
  readonly #options: SchemaWatchOptions;
  #record: Watched | undefined;
  #nextMs = 0;

  constructor(options: SchemaWatchOptions) {
    this.#options = options;
  }

  /**
   * From here on the schema must be that of `record`. When columns were added since, adds them on the target and resolves with
   * the record that has them. Rejects with SCHEMA.CHANGED. Nothing may be at work on the target.
   */
  async carry(record: RunRecord): Promise<RunRecord> {
    const { endpoints, log } = this.#options;
    const drift = await endpoints.source.drift(selectionOf(record), record);
    if (drift === undefined) {
      this.adopt(record);
      return record;
    }
    const error = this.#errorOf(drift, record);
    if (error.disposition !== 'retry') throw error;
    const { catalog, columns } = followColumns(record.catalog, drift);
    const followed = { catalog, fingerprint: drift.fingerprint };
    await renamedTarget(endpoints.target, record.catalog).addColumns(columns, followed);
    for (const { table, column } of columns) {
      log.warn('a column that the source was given is added on the target', { table: table.id, subject: column.name });
    }
    // Not sooner: a look meanwhile would end the attempt over columns that are just being added.
    const following = { ...record, ...followed };
    this.adopt(following);
    return following;
  }

  /** From here on the schema must be that of `record`, which it was when it was recorded. */
  adopt(record: RunRecord): void {
    const { catalog, fingerprint } = record;
    this.#record = { catalog, fingerprint, selection: selectionOf(record) };
  }

  /** The source may change as it likes from here on. */
  release(): void {
    this.#record = undefined;
  }

  /** Looks when it is time. A freeze looks by itself: past its commit point nothing may stop the run. */
  readonly probe = async (): Promise<void> => {
    if (performance.now() >= this.#nextMs) await this.look();
  };

  /** Rejects with SCHEMA.CHANGED, or with SCHEMA.ADDED when the next attempt can follow. */
  readonly look = async (): Promise<void> => {
    const { source } = this.#options.endpoints;
    const record = this.#record;
    if (record === undefined || !this.#isOpen) return;
    const { selection } = record;
    const began = performance.now();
    const fingerprint = await source.fingerprint(selection);
    const now = performance.now();
    this.#nextMs = now + Math.max(EVERY_MS, (now - began) / SHARE);
    if (fingerprint === record.fingerprint) return;
    const drift = await source.drift(selection, record);
    if (drift !== undefined && this.#isOpen) throw this.#errorOf(drift, record);
  };

  /** The same error, or the change that is behind it. */
  async explained(error: unknown): Promise<unknown> {
    const record = this.#record;
    const isSign = error instanceof MigrateError && SIGNS.includes(error.code);
    if (!isSign || record === undefined || !this.#isOpen) return error;
    try {
      const drift = await this.#options.endpoints.source.drift(record.selection, record);
      if (drift !== undefined) return this.#errorOf(drift, record, error);
    } catch {
      return error;
    }
    const isOfLog = error.code === 'SCHEMA.CHANGED' && error.where !== undefined;
    if (!isOfLog || error.fix !== CODES['SCHEMA.CHANGED'].fix) return error;
    return new MigrateError(
      'SCHEMA.CHANGED',
      `${error.message}; it was undone since, but what was written meanwhile cannot be applied`,
      { cause: error, fix: 'Abort with --drop and start again.' },
    );
  }

  get #isOpen(): boolean {
    return this.#options.status.snapshot().writable === 'source';
  }

  #errorOf(drift: SchemaDrift, { catalog }: SchemaRecord, cause?: MigrateError): MigrateError {
    const details = cause === undefined || cause.code === 'SCHEMA.CHANGED' ? {} : { cause };
    const follows = this.#options.plan.schema.changes === 'add-columns';
    const notFollowed = drift.notFollowed ?? whyNotNamed(catalog, drift);
    const what = named(drift);
    if (follows && notFollowed === null) return new MigrateError('SCHEMA.ADDED', what, details);
    const added = drift.changes.some((change) => change.added !== undefined);
    const reason = follows && added ? `. Not followed: ${notFollowed}` : '';
    const sign = details.cause === undefined ? '' : `, which showed in: ${details.cause.message}`;
    return new MigrateError(
      'SCHEMA.CHANGED',
      `the schema of the source is not the one this run carries: ${what}${reason}${sign}`,
      {
        ...details,
        fix: cureOf(drift, notFollowed),
      },
    );
  }
}

function named({ changes }: SchemaDrift): string {
  const more = changes.length - MOST_NAMED;
  const list = changes.slice(0, MOST_NAMED).map(({ what }) => what);
  return `${list.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function cureOf({ changes }: SchemaDrift, notFollowed: string | null): string {
  if (notFollowed === null) {
    return 'Set schema.changes: add-columns in the plan and run the same command again: the target gets the columns, too.';
  }
  if (!changes.every(({ undoable }) => undoable)) return 'This cannot be undone: abort with --drop and start again.';
  const undo = changes.flatMap((change) => change.undo ?? []);
  if (undo.length < changes.length) return CODES['SCHEMA.CHANGED'].fix;
  return `${[...new Set(undo)].join(' ')} Then run the same command again; or abort with --drop and start again.`;
}

/** The source, with a look at its schema after each exact pair: what is read there is read with the columns the run knows. */
export function guardedSource(source: Source, look: () => Promise<void>): Source {
  const guarded = async (start: Start): Promise<Start> => {
    try {
      await look();
      return start;
    } catch (error) {
      await start.close();
      throw error;
    }
  };
  const { log } = source;
  return {
    describe: (selection) => source.describe(selection),
    fingerprint: (selection) => source.fingerprint(selection),
    drift: (selection, record) => source.drift(selection, record),
    check: (catalog, selection) => source.check(catalog, selection),
    grants: (catalog, role) => source.grants(catalog, role),
    ping: () => source.ping(),
    version: () => source.version(),
    identity: () => source.identity(),
    lineage: (since, reached) => source.lineage(since, reached),
    log: {
      pin: async (tables) => guarded(await log.pin(tables)),
      pair: async () => guarded(await log.pair()),
      mark: (content) => log.mark(content),
      head: () => log.head(),
      publish: (tables) => log.publish(tables),
      release: () => log.release(),
    },
    chunks: source.chunks,
    digests: source.digests,
    // The lease has to be held before a source has a fence.
    get fence() {
      return source.fence;
    },
    sequences: source.sequences,
    close: () => source.close(),
  };
}
