// Empty texts and bytes, which to Oracle are NULL: what a plan makes of those of each column.

import type { EmptyText } from '../databases/conversion.ts';
import type { TableName } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { ColumnChoices, type Findings } from './findings.ts';
import type { OracleType } from './oracle-types.ts';
import type { ConvertOptions } from './pair.ts';

type Options = Pick<ConvertOptions, 'emptyText' | 'emptySentinel' | 'emptyColumns'>;

export class EmptyTexts {
  readonly #options: Options;
  readonly #chosen: ColumnChoices;

  constructor(options: Options) {
    this.#options = options;
    this.#chosen = new ColumnChoices(options.emptyColumns, 'convert.emptyColumns');
  }

  check(...[catalog, findings]: Parameters<ColumnChoices['check']>): void {
    this.#chosen.check(catalog, findings);
  }

  /** Undefined where no value is empty. No row is found by NULL, so that in a key an empty text is refused at least. */
  of(table: TableName, column: string, type: OracleType, finds: boolean): EmptyText | undefined {
    if (type.mayBeEmpty !== true) return undefined;
    const policy = this.#chosen.of(table, column) ?? this.#options.emptyText;
    if (policy === 'sentinel' && type.form !== 'bytes') return { sentinel: this.#options.emptySentinel };
    return policy === 'refuse' || finds ? 'refused' : 'null';
  }
}

/** What a table has to be told of: its columns by what becomes of empty values. */
export function tellOfEmpty(
  table: TableName,
  columns: readonly { readonly name: string; readonly notNull: boolean; readonly empty: EmptyText | undefined }[],
  findings: Findings,
): void {
  const names = (wanted: (column: (typeof columns)[number]) => boolean): string =>
    columns
      .filter(wanted)
      .map(({ name }) => name)
      .join(', ');
  const relaxed = names(({ empty, notNull }) => empty === 'null' && notNull);
  const merged = names(({ empty, notNull }) => empty === 'null' && !notNull);
  const refused = names(({ empty }) => empty === 'refused');
  const add = (level: 'warning' | 'info', message: string, cure?: string): void =>
    findings.add(level, 'CONVERT_EMPTY', table.id, message, cure);
  const [first = ''] = relaxed.split(', ');
  const cure = `Nothing; or in the plan convert.emptyText, or for one column convert.emptyColumns: { ${JSON.stringify(columnPath(table, first))}: sentinel }`;
  if (relaxed !== '') add('warning', `an empty value of ${relaxed} becomes NULL, so NOT NULL is left out there`, cure);
  if (merged !== '') add('info', `an empty value of ${merged} becomes NULL, as which Oracle has it`);
  if (refused !== '') add('info', `an empty value of ${refused} stops the run: to Oracle it is NULL`);
}
