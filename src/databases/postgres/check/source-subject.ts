// What the checks of a source look at.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TableSelection } from '../../source.ts';
import type { Session } from '../connection.ts';
import type { ServerFacts } from './facts.ts';

export interface SourceContext {
  /** The run's, part of its fence's name. */
  readonly id: string;
  /** The names the run gives its slot and publication. */
  readonly slot: string;
  readonly publication: string;
  readonly selection: TableSelection;
  /** From which age an open transaction is worth a finding. Default 60. */
  readonly longSeconds?: number;
  /** True when the plan lets the run end transactions of others. Default false. */
  readonly endsTransactions?: boolean;
  /** Connections the run opens on the source at most. Default 10. */
  readonly connections?: number;
  /** The extensions that the target has, quoted where a statement would need it; undefined when it is no PostgreSQL. Default none. */
  readonly targetExtensions?: () => Promise<readonly string[] | undefined>;
  /** How long rows are searched for what only they tell, in ms. Default 5,000. */
  readonly searchMs?: number;
}

/** A selected table of any kind, also one that the catalog could not describe. */
export interface SelectedTable {
  readonly oid: string;
  /** As in `tableId`. */
  readonly id: string;
  /** Quoted, for statements. */
  readonly quoted: string;
  /** pg_class.relkind: r, p (partitioned), f (foreign). */
  readonly kind: string;
}

export interface SourceSubject {
  readonly session: Session;
  readonly catalog: Catalog;
  readonly context: SourceContext;
  readonly facts: ServerFacts;
  readonly tables: readonly SelectedTable[];
  /** Of `tables`. */
  readonly oids: readonly string[];
}

export type SourceCheck = (subject: SourceSubject) => Promise<readonly Finding[]>;
