// PostgreSQL as a source whose log comes through Debezium.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { ConnectorWords, DebeziumSource, ReadingFacts } from '../../debezium.ts';
import { errorFinding, excludeCure, warningFinding } from '../../findings.ts';
import type { PostgresServer } from '../connection.ts';
import { covers } from '../log/lsn.ts';
import { SlotWatch } from '../log/slot-watch.ts';
import { field } from '../row.ts';
import {
  POSTGRES_CONNECTOR,
  type PostgresReading,
  postgresAccess,
  postgresConfig,
  postgresOffset,
} from './connector.ts';
import { PostgresDialect } from './dialect.ts';
import { readWrittenTypes } from './types.ts';
import { whatIsLost, whyNotWhole } from './values.ts';

export interface PostgresDebeziumOptions extends PostgresReading {
  readonly server: PostgresServer;
  /** The source's, as the plan has it. */
  readonly url: string;
  /** As in DialectOptions. */
  readonly placeholder: string;
}

/** A connector whose slot is lost says nothing for half an hour. */
const WATCH_INTERVAL_MS = 3_000;

export class PostgresDebezium implements DebeziumSource {
  readonly connector = POSTGRES_CONNECTOR;
  readonly covers = covers;
  readonly #options: PostgresDebeziumOptions;

  constructor(options: PostgresDebeziumOptions) {
    this.#options = options;
  }

  options(): ConnectorWords {
    const { url, placeholder } = this.#options;
    return {
      ...postgresConfig(this.#options),
      ...postgresAccess(url),
      'unavailable.value.placeholder': placeholder,
    };
  }

  offsetOf(at: Position): ConnectorWords<string | number> {
    return postgresOffset(at);
  }

  async check({ tables }: Catalog): Promise<readonly Finding[]> {
    const all = tables.map(({ table }) => table);
    const types = await this.#options.server.with('check', (session) => readWrittenTypes(session, all));
    return all.flatMap((table) =>
      table.columns.flatMap(({ name, type }) => {
        const written = types.get(type);
        if (written === undefined) return [];
        const [subject, lost] = [`${table.id}.${name}`, whatIsLost(written)];
        const reason = whyNotWhole(written);
        if (reason !== undefined) {
          const cure = `stream: { via: native }  # in the plan, or ${excludeCure(`${table.schema}.${table.name}`)}`;
          return [errorFinding({ code: 'DEBEZIUM_TYPE', subject, message: `is of type ${type}: ${reason}`, cure })];
        }
        return lost === undefined ? [] : [warningFinding({ code: 'DEBEZIUM_TYPE', subject, message: lost })];
      }),
    );
  }

  async facts(tables: readonly Table[]): Promise<ReadingFacts> {
    const { server, slot, publication, placeholder } = this.#options;
    const session = await server.session({ purpose: 'log watch' });
    const watch = new SlotWatch(session, { slot, publication });
    try {
      // It would wait for the slot, and never come up.
      await watch.check();
      const types = await readWrittenTypes(session, tables);
      const generated = await session.query(
        `SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attgenerated <> ''`,
      );
      return {
        dialect: new PostgresDialect({ types, placeholder }),
        tables: tables.map((table) => ({
          table,
          computed: generated
            .filter((row) => row.nspname === table.schema && row.relname === table.name)
            .map((row) => field(row, 'attname')),
        })),
        watch: (failed) => {
          watch.start(WATCH_INTERVAL_MS, failed);
          return watch;
        },
        retainedBytes: () => watch.retainedBytes(),
        close: () => watch.close(),
      };
    } catch (error) {
      await watch.close();
      throw error;
    }
  }
}
