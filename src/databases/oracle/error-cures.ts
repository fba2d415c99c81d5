// What a person can do about the errors of a server that only a person can end, by ORA number. What is about room is tried again
// meanwhile.

const ALONE = 'The run goes on by itself.';
const SPACE = `Give the tablespace room: ALTER TABLESPACE … ADD DATAFILE, or ALTER DATABASE DATAFILE … AUTOEXTEND ON. ${ALONE}`;
const TEMPORARY = `Give the temporary tablespace room: ALTER TABLESPACE … ADD TEMPFILE. ${ALONE}`;
const QUOTA = 'ALTER USER <schema> QUOTA UNLIMITED ON <tablespace>, for the schema that owns the tables';
const ARCHIVE = `The archiver has no room: RMAN: BACKUP ARCHIVELOG ALL DELETE INPUT, or a larger DB_RECOVERY_FILE_DEST_SIZE. ${ALONE}`;
const LOCKED =
  'Who holds it: SELECT SID, BLOCKING_SESSION FROM V$SESSION WHERE BLOCKING_SESSION IS NOT NULL. It is tried again.';

export const CURES: ReadonlyMap<number, string> = new Map([
  [54, LOCKED],
  [257, ARCHIVE],
  [942, 'A table or view is not there, or this account may not see it: `migrate check` prints the grants.'],
  [1017, 'Correct the user or the password in target.url.'],
  [1031, 'A right is missing: `migrate check` prints the grants.'],
  [1045, 'GRANT CREATE SESSION to the account.'],
  [1536, `${QUOTA}. ${ALONE}`],
  [
    1555,
    'Tried again. Where it comes back: a larger undo tablespace, UNDO_RETENTION of a few minutes, or a smaller verify.chunkRows.',
  ],
  [1652, TEMPORARY],
  [1950, `${QUOTA}; then run the same command again.`],
  ...[1653, 1654, 1655, 1658, 1659, 1688, 1691, 1692, 1693].map((number) => [number, SPACE] as const),
  [
    12899,
    'A longer column: ALTER TABLE … MODIFY on the target, or convert.columns in a new run; or correct the row on the source.',
  ],
  [19809, ARCHIVE],
  [28000, 'ALTER USER … ACCOUNT UNLOCK, and find out who failed to log in.'],
  [28001, 'The password has expired: ALTER USER … IDENTIFIED BY …, and correct target.url.'],
  [30006, LOCKED],
  [
    30036,
    `Undo is full: ALTER TABLESPACE … ADD DATAFILE for the undo tablespace. Smaller transactions need less: snapshot.chunkRows, apply.batchRows and apply.maxTransactionRows, which may change when the run is started again. ${ALONE}`,
  ],
]);
