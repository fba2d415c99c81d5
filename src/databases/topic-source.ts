// A source whose log comes through a topic. Everything but the log is the source's own.

import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import { parsePlace } from '../stream/kafka/position.ts';
import type { Source, SourceLog } from './source.ts';

export interface TopicSourceOptions {
  readonly source: Source;
  readonly log: SourceLog;
  /** What else has to be so: of the brokers, of Connect, and of the types of columns. */
  readonly check: (catalog: Catalog) => Promise<readonly Finding[]>;
}

export function topicSource({ source, log, check }: TopicSourceOptions): Source {
  return {
    describe: (selection) => source.describe(selection),
    fingerprint: (selection) => source.fingerprint(selection),
    drift: (selection, record) => source.drift(selection, record),
    check: async (catalog, selection) => {
      const [own, others] = await Promise.all([source.check(catalog, selection), check(catalog)]);
      return [...own, ...others];
    },
    grants: (catalog, role) => source.grants(catalog, role),
    ping: () => source.ping(),
    version: () => source.version(),
    identity: () => source.identity(),
    lineage: (since, reached) =>
      source.lineage(
        since,
        reached.map((position) => parsePlace(position).source),
      ),
    log,
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
