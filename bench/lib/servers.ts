// Two PostgreSQL servers for a benchmark, with settings that keep checkpoints out of short measurements.

import { type EmbeddedServer, openEmbedded } from '../../src/demo/embedded.ts';

export const SETTINGS: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_prepared_transactions: '10',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
};

export interface ServerPair {
  readonly source: EmbeddedServer;
  readonly target: EmbeddedServer;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Where another PostgreSQL than that of npm is installed: the folder that holds `bin`. */
  readonly root?: string;
}

/** Starts both; stops them when the work ends, however it ends. */
export async function withServers(
  work: (pair: ServerPair) => Promise<void>,
  { settings: further = {}, root }: ServerOptions = {},
): Promise<void> {
  const settings = { ...SETTINGS, ...further };
  const options = { settings, ...(root === undefined ? {} : { root }) };
  const opened = await Promise.all([openEmbedded(options), openEmbedded(options)]);
  const [source, target] = opened;
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((server) => server.close()));
  };
  const interrupted = (): void => {
    void close().then(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await work({ source, target, close });
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await close();
  }
}
