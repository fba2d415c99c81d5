// The part of the catalogue of findings that only a target of Oracle has. Sorted by code.

import { entry, type FindingEntry } from './finding-entry.ts';

export const ORACLE_FINDING_CODES = {
  ORACLE_CHARSET: entry(
    'Only a database in AL32UTF8 holds every character that a source may have; any other would replace some in silence.',
    'Take a database in AL32UTF8: a character set cannot be changed in place.',
  ),
  ORACLE_CONTAINER: entry(
    'The service of target.url leads to the root of a container database, where no application keeps its tables.',
    'Name the service of the pluggable database in target.url.',
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
  ORACLE_UNSEEN: entry(
    'Something was not checked, because the server does not show it to the account of the target.',
    'Nothing, if it is known to be well; or the GRANT that `migrate grants` prints.',
  ),
} as const satisfies Record<string, FindingEntry>;
