// The part of the catalogue of findings that is about what becomes of types and names in another engine. Sorted by code.

import { entry, type FindingEntry } from './finding-entry.ts';

export const CONVERT_FINDING_CODES = {
  CONVERT_COLLATION: entry(
    'The source holds texts of one collation to be equal that are different to the target, in a unique key or a reference.',
    'Nothing where the applications write them in one way; else set convert.caseInsensitive: icu, or make a unique index over lower(…) after the cutover.',
  ),
  CONVERT_COLUMN: entry(
    'convert.columns names a column that is not there, or a type that could lose something of its values.',
    'Choose one of the types that the finding names.',
  ),
  CONVERT_CONSTRAINT: entry(
    'A constraint is another on the target: it is checked at another moment, or for other values.',
    'Nothing, or change the applications that rely on it before the cutover.',
  ),
  CONVERT_DOMAIN: entry(
    'The target has no domains: the column is of the type that the domain is made of, without its checks.',
    'Nothing, or add the checks to the table after the cutover.',
  ),
  CONVERT_EMPTY: entry(
    'Oracle holds an empty text for NULL: on the target the two are one, and a column that has empty texts cannot be NOT NULL.',
    'Nothing where the applications can live with it; else choose in convert.emptyText, or for one column in convert.emptyColumns.',
  ),
  CONVERT_KEY_LENGTH: entry(
    'A text in a key or index has to have a longest length on the target. A value that is longer stops the run.',
    'Choose another length in convert.columns, such as varchar(700) where the column is alone in its key.',
  ),
  CONVERT_NAME: entry(
    'A name is too long for the target, taken there, or the same as another to it.',
    'Rename it on the source, or exclude the table.',
  ),
  CONVERT_ON_UPDATE: entry(
    'A column takes the time of each update by itself, and the target has no such setting.',
    'Let the applications set it, or make a trigger on the target after the cutover.',
  ),
  CONVERT_PARTITIONED: entry(
    'Partitioned tables, and tables that inherit from others, are not carried between engines.',
    'Exclude them in tables.exclude of the plan and move them by other means.',
  ),
  CONVERT_SEQUENCE: entry(
    'The target has no sequences besides the numbers of an AUTO_INCREMENT column.',
    'Change the applications that draw from it before the cutover.',
  ),
  CONVERT_TEXT: entry(
    'The target has no such type: the values are carried as the text that the source prints for them.',
    'Nothing where the applications can read that text; else exclude the table.',
  ),
  CONVERT_TYPE: entry(
    'The target has no type for the values of a column.',
    'Choose one in convert.columns, or exclude the table.',
  ),
  CONVERT_VALUES: entry(
    'The type of the source has values that the target cannot hold. One of them stops the run; nothing is rounded or cut.',
    'Nothing where no row has such a value; else correct the rows, or choose a text in convert.columns.',
  ),
} as const satisfies Record<string, FindingEntry>;
