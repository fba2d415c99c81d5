// Two fresh databases with a session on each, for tests of what is read from and made in the system catalogue.

import { type Closing, createClosed } from '../../src/databases/postgres/build.ts';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { functionStatement } from '../../src/databases/postgres/fence/function.ts';
import type { TableSelection } from '../../src/databases/source.ts';
import { Closer } from '../../src/lib/closer.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Side } from '../../src/model/side.ts';
import { openPair } from '../fleet/databases.ts';

export const ALL: TableSelection = { include: ['*'], exclude: [] };

export interface CatalogFixture {
  readonly source: Session;
  readonly target: Session;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** A further session, as another role if named. */
  connect(side: Side, user?: string): Promise<Session>;
  server(side: Side): PostgresServer;
  close(): Promise<void>;
}

export async function openCatalogFixture(): Promise<CatalogFixture> {
  const closer = new Closer();
  const pair = await closer.open(openPair());
  const urls = { source: pair.sourceUrl, target: pair.targetUrl };
  const server = (side: Side, user = 'postgres'): PostgresServer => {
    const made = new PostgresServer(side, urls[side].replace('//postgres@', `//${user}@`), 'test');
    closer.add(() => made.close());
    return made;
  };
  const connect = (side: Side, user?: string): Promise<Session> => server(side, user).session({ purpose: 'test' });
  return {
    source: await connect('source'),
    target: await connect('target'),
    ...pair,
    connect,
    server,
    close: () => closer.close(),
  };
}

/** Opens the fixture, runs `work`, closes it whatever happens. */
export async function withFixture(work: (fixture: CatalogFixture) => Promise<void>): Promise<void> {
  const fixture = await openCatalogFixture();
  try {
    await work(fixture);
  } finally {
    await fixture.close();
  }
}

/** Runs SQL of any number of statements. */
export async function sql(session: Session, text: string): Promise<void> {
  await session.run(text, []);
}

/** Of a runner that may always write, to a fence that no session passes. */
export const CLOSING: Closing = { id: 'a1b2c3d4', prove: async () => undefined, pass: async () => undefined };

/** Makes the tables on the target as a run does, then opens their fence. */
export async function createTables(target: Session, catalog: Catalog): Promise<void> {
  await sql(target, 'CREATE SCHEMA IF NOT EXISTS migrate');
  await createClosed(target, catalog, CLOSING);
  await sql(target, functionStatement(CLOSING.id, 'open'));
}
