// What a person can do about the errors of a server that only a person can end, by ORA number. What is about room is tried again
// meanwhile.

const ALONE = 'The run goes on by itself.';
const SPACE = `Give the tablespace room: ALTER TABLESPACE … ADD DATAFILE, or ALTER DATABASE DATAFILE … AUTOEXTEND ON. ${ALONE}`;
const TEMPORARY = `Give the temporary tablespace room: ALTER TABLESPACE … ADD TEMPFILE. ${ALONE}`;
const QUOTA = 'ALTER USER <schema> QUOTA UNLIMITED ON <tablespace>, for the schema that owns the tables';
const ARCHIVE = `The archiver has no room: RMAN: BACKUP ARCHIVELOG ALL DELETE INPUT, or a larger DB_RECOVERY_FILE_DEST_SIZE. ${ALONE}`;
const LOCKED =
  'Who holds it: SELECT SID, BLOCKING_SESSION FROM V$SESSION WHERE BLOCKING_SESSION IS NOT NULL. It is tried again.';
const SESSIONS = `The server has no more sessions to give: a larger PROCESSES or SESSIONS, or fewer readers and lanes in the plan. ${ALONE}`;
const PROFILE =
  'A limit of the profile of the account: ALTER PROFILE … LIMIT …, or ALTER USER … PROFILE … with one that has none.';
const RESTRICTED = `ALTER SYSTEM DISABLE RESTRICTED SESSION, or GRANT RESTRICTED SESSION to the account. ${ALONE}`;
const BUG = `An error within the server: its alert log and trace files tell more, and Oracle Support knows the arguments. ${ALONE}`;
const IN_DOUBT =
  'A distributed transaction of somebody else holds it: SELECT LOCAL_TRAN_ID, STATE FROM DBA_2PC_PENDING, then COMMIT FORCE or ROLLBACK FORCE. It is tried again.';
const MEMORY = `The server is out of memory (PGA_AGGREGATE_LIMIT, SGA_TARGET, or the machine's). Smaller transactions need less: snapshot.chunkRows and apply.batchRows. ${ALONE}`;
const UNDO = `Undo is full: ALTER TABLESPACE … ADD DATAFILE for the undo tablespace. Smaller transactions need less: snapshot.chunkRows, apply.batchRows and apply.maxTransactionRows, which may change when the run is started again. ${ALONE}`;
const PASSWORD = 'The password has expired: ALTER USER … IDENTIFIED BY …, and correct target.url.';
const WALLET =
  'The keystore of encrypted tablespaces is not open, or lacks their key: ADMINISTER KEY MANAGEMENT SET KEYSTORE OPEN …; then run the same command again.';

/** The same cure for all of these. */
function all(numbers: readonly number[], cure: string): readonly (readonly [number, string])[] {
  return numbers.map((number) => [number, cure] as const);
}

export const CURES: ReadonlyMap<number, string> = new Map([
  ...all([54, 30006], LOCKED),
  ...all([18, 20, 12516, 12518, 12519, 12520], SESSIONS),
  ...all([1035, 12526], RESTRICTED),
  ...all([600, 7445], BUG),
  ...all([1591, 2049], IN_DOUBT),
  ...all([4030, 4031, 4036, 27102], MEMORY),
  ...all([2391, 2392, 2393, 2394, 2395, 2396, 2399], PROFILE),
  ...all([257, 19804, 19809], ARCHIVE),
  ...all([1631, 1632, 1653, 1654, 1655, 1658, 1659, 1683, 1684, 1688, 1691, 1692, 1693], SPACE),
  ...all([30027, 30036], UNDO),
  ...all([28001, 65162], PASSWORD),
  ...all([28365, 28374], WALLET),
  [
    40,
    'The Resource Manager ended the call: give the account a consumer group without a limit of time. It is tried again.',
  ],
  [942, 'A table or view is not there, or this account may not see it: `migrate check` prints the grants.'],
  [1000, `ALTER SYSTEM SET OPEN_CURSORS = 300: a session of the run needs some 40. ${ALONE}`],
  [1005, 'Give target.url a password.'],
  [1017, 'Correct the user or the password in target.url.'],
  [1031, 'A right is missing: `migrate check` prints the grants.'],
  [1045, 'GRANT CREATE SESSION to the account.'],
  [1502, 'ALTER INDEX … REBUILD, or its partition; then run the same command again.'],
  [1536, `${QUOTA}. ${ALONE}`],
  [
    1555,
    'Tried again. Where it comes back: a larger undo tablespace, UNDO_RETENTION of a few minutes, or a smaller verify.chunkRows.',
  ],
  [
    1578,
    'A block of a data file is corrupt: SELECT * FROM V$DATABASE_BLOCK_CORRUPTION, RMAN: RECOVER CORRUPTION LIST; then run the same command again.',
  ],
  [1652, TEMPORARY],
  [1950, `${QUOTA}; then run the same command again.`],
  [4098, 'A trigger on the table does not compile: SELECT NAME, TEXT FROM ALL_ERRORS, then ALTER TRIGGER … COMPILE.'],
  [
    12899,
    'A longer column: ALTER TABLE … MODIFY on the target, or convert.columns in a new run; or correct the row on the source.',
  ],
  [12953, 'This edition of Oracle holds no more: another edition, or fewer tables in a new run.'],
  [14400, 'No partition takes the row: ALTER TABLE … ADD PARTITION on the target.'],
  [14402, 'ALTER TABLE … ENABLE ROW MOVEMENT on the target; then run the same command again.'],
  [
    16000,
    `The database is open for reading only: target.url must lead to the primary, and a pluggable database must be open READ WRITE. ${ALONE}`,
  ],
  [28000, 'ALTER USER … ACCOUNT UNLOCK, and find out who failed to log in.'],
  [
    28040,
    'The server asks for another kind of password: SQLNET.ALLOWED_LOGON_VERSION_SERVER of at most 12a, and a password that was set since.',
  ],
  [65114, `The pluggable database may grow no further: ALTER PLUGGABLE DATABASE STORAGE (MAXSIZE …). ${ALONE}`],
]);
