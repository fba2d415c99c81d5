// Collations of MySQL and MariaDB that hold different texts to be equal, and the collations of PostgreSQL that do so, too. Which
// characters are equal was compared one by one, between MySQL 9.7, MariaDB 10.11 and ICU 70.

import type { DefinedType } from '../model/catalog.ts';
import { POSTGRES, tableName } from './dialects.ts';
import type { Findings } from './findings.ts';
import type { ConvertOptions } from './pair.ts';

interface Counterpart {
  readonly locale: string;
  /** Apart from characters that are younger than the source's tables. */
  readonly isExact: boolean;
}

const LEVELS: Readonly<Record<string, string>> = { ai_ci: 'level1', as_ci: 'level2', as_cs: 'level3' };
const EXACT = /^(?:utf8mb4_0900|(?:utf8mb[34]_)?uca1400(?:_nopad)?)_(ai_ci|as_ci|as_cs)$/;
const NEAR: readonly (readonly [RegExp, string])[] = [
  [/^utf8(?:mb[34])?_(?:general|unicode|unicode_520)(?:_nopad)?_ci$/, 'level1'],
  // What accents make equal differs by language: only case is ignored.
  [/^latin1_(?:general|swedish)(?:_nopad)?_ci$/, 'level2'],
];
const KEEPS_BLANKS = /^utf8mb4_0900_|_nopad_/;

/** Undefined for one that nothing is known to be like: those of a language, and of old character sets. */
function counterpartOf(collation: string): Counterpart | undefined {
  const level = LEVELS[EXACT.exec(collation)?.[1] ?? ''];
  if (level !== undefined) return { locale: `und-u-ks-${level}`, isExact: true };
  const near = NEAR.find(([pattern]) => pattern.test(collation));
  return near && { locale: `und-u-ks-${near[1]}`, isExact: false };
}

/** True where texts of the collation can be as equal in PostgreSQL. */
export function hasCounterpart(collation: string | null): boolean {
  return collation !== null && counterpartOf(collation) !== undefined;
}

/** Those that the columns of one catalog need. */
export class IcuCollations {
  readonly #isWanted: boolean;
  readonly #schema: string;
  readonly #used = new Map<string, Counterpart>();

  /** All are in one schema: a foreign key may lead to another, and both ends must have the same. */
  constructor({ caseInsensitive }: Pick<ConvertOptions, 'caseInsensitive'>, schema: string) {
    this.#isWanted = caseInsensitive === 'icu';
    this.#schema = schema;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** What a column that has the collation on the source gets on the target, quoted; null for the target's own. */
  of(collation: string | null): string | null {
    const found = this.#isWanted && collation !== null ? counterpartOf(collation) : undefined;
    if (found === undefined || collation === null) return null;
    this.#used.set(collation, found);
    return tableName(POSTGRES, { schema: this.#schema, name: collation });
  }

  get made(): readonly DefinedType[] {
    return [...this.#used].map(([name, { locale }]) => ({
      kind: 'collation',
      schema: this.#schema,
      name,
      definition: `(provider = icu, locale = '${locale}', deterministic = false)`,
      checks: [],
      comment: null,
    }));
  }

  report(findings: Findings): void {
    for (const [collation, { locale, isExact }] of this.#used) {
      const keepsBlanks = KEEPS_BLANKS.test(collation);
      const but = [
        ...(isExact
          ? []
          : [
              'signs, digits and ligatures are equal to more than in MySQL (① and 1, ﬁ and fi): two such values in a unique key ' +
                'stop the run',
            ]),
        ...(keepsBlanks ? [] : ['blanks at the end make a difference']),
      ];
      const message =
        `in keys, unique constraints and references its texts get a collation of this name, ${locale} of ICU` +
        `${but.length === 0 ? '' : `; ${but.join('; ')}`}. Before PostgreSQL 18 such texts cannot be searched with LIKE`;
      findings.add(isExact && keepsBlanks ? 'info' : 'warning', 'CONVERT_COLLATION', collation, message);
    }
  }
}
