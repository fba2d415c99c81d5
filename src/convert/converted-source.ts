// A source whose schema is also told in the terms of another engine. Its values are converted by the adapters, at their edges.

import type { Source } from '../databases/source.ts';
import type { PairConversion } from './pair.ts';

/** Describes everything with what it becomes on the target (`Catalog.onTarget`), and finds what cannot become anything. */
export function convertedSource(source: Source, conversion: PairConversion): Source {
  return {
    describe: async (selection) => conversion.catalog(await source.describe(selection), selection.names).catalog,
    fingerprint: (selection) => source.fingerprint(selection),
    drift: async (selection, record) => {
      const drift = await source.drift(selection, record);
      if (drift === undefined) return undefined;
      const { catalog, findings } = conversion.catalog(drift.catalog, selection.names);
      const refused = findings.find(({ level }) => level === 'error');
      const reason = refused === undefined ? null : `${refused.subject}: ${refused.message}`;
      return { ...drift, catalog, notFollowed: drift.notFollowed ?? reason };
    },
    check: async (catalog, selection) => {
      const [found, described] = await Promise.all([source.check(catalog, selection), source.describe(selection)]);
      return [...found, ...conversion.catalog(described, selection.names).findings];
    },
    grants: (catalog, role) => source.grants(catalog, role),
    ping: () => source.ping(),
    version: () => source.version(),
    identity: () => source.identity(),
    lineage: (since, reached) => source.lineage(since, reached),
    log: source.log,
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
