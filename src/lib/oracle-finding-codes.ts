// The part of the catalogue of findings that only a target of Oracle has. Sorted by code.

import { entry, type FindingEntry } from './finding-entry.ts';

export const ORACLE_FINDING_CODES = {
  ORACLE_CHARSET: entry(
    'Only a database in AL32UTF8 holds every character that a source may have; any other would replace some in silence.',
    'Take a database in AL32UTF8: a character set cannot be changed in place.',
  ),
  ORACLE_COLLATION: entry(
    'The texts of tables that are made in a schema would be compared by its DEFAULT COLLATION, and not character by character as keys and the comparison need it.',
    'ALTER USER … DEFAULT COLLATION USING_NLS_COMP, as the finding prints it; what applications need may be set for their sessions.',
  ),
  ORACLE_COLUMNS: entry(
    'A table of the source has more columns than one of Oracle.',
    'Exclude it in tables.exclude of the plan, and move it by other means, in several tables.',
  ),
  ORACLE_CONTAINER: entry(
    'The service of target.url leads to the root of a container database, where no application keeps its tables.',
    'Name the service of the pluggable database in target.url.',
  ),
  ORACLE_EMPTY: entry(
    'There are values that stop the run because Oracle holds an empty text for NULL: empty ones that the plan refuses, or by which rows are found, or the text itself that stands for an empty one.',
    'Choose sentinel in convert.emptyColumns, or another convert.emptySentinel, or correct the rows on the source.',
  ),
  ORACLE_NAME: entry(
    'A name is longer than the server takes, or an index or constraint of another table has it: Oracle gives such names once in a schema.',
    'Rename what stands in the way, or rename on the source; tables in tables.map.',
  ),
  ORACLE_QUOTA: entry(
    'A schema has no room in its tablespace: nothing could be written to its tables.',
    'ALTER USER … QUOTA UNLIMITED ON …, as the finding prints it.',
  ),
  ORACLE_REFERENCES: entry(
    'A foreign key leads into another schema: its owner must be allowed to refer to that table, which can be given once the table is there.',
    'Run the GRANT that the finding prints after the tables were made and before the cutover.',
  ),
  ORACLE_REVERSE: entry(
    'What a way back from Oracle through Debezium would need of the server is missing (cutover.reverse: debezium).',
    'Run the statements that the finding prints, as an administrator.',
  ),
  ORACLE_SCHEMA: entry(
    'A schema of the target does not exist. In Oracle it is a user, which a run does not make.',
    'Create it as an administrator, with the statements that the finding prints, or name another one in tables.map.',
  ),
  ORACLE_SPACE: entry(
    'A tablespace has less room than the rows of the source take there.',
    'Give it room before the run begins: ALTER TABLESPACE … ADD DATAFILE, or AUTOEXTEND ON.',
  ),
  ORACLE_TESTED: entry(
    'The tests of this program run against a stand-in that speaks the protocol of Oracle, not against the version that answers here.',
    'Rehearse with a copy of the data: a whole run up to the cutover, and migrate verify.',
  ),
  ORACLE_TEXT_LIMIT: entry(
    'A column is wider than texts and bytes can be on this server: 4,000 bytes, unless MAX_STRING_SIZE is EXTENDED.',
    'Choose CLOB or BLOB for it in convert.columns, or set MAX_STRING_SIZE = EXTENDED on the target.',
  ),
  ORACLE_TYPE: entry(
    'The plan chose a type in convert.columns that is newer than the server, or than what its COMPATIBLE lets it keep: JSON before 21c, BOOLEAN before 23ai.',
    'Leave the column out of convert.columns: the default type is in every version.',
  ),
  ORACLE_UNSEEN: entry(
    'Something was not checked, because the server does not show it to the account of the target.',
    'Nothing, if it is known to be well; or the GRANT that `migrate grants` prints.',
  ),
} as const satisfies Record<string, FindingEntry>;
