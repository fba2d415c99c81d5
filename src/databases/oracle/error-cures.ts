// What a person can do about the errors of a server that only a person can end, by ORA number.

const SPACE =
  'Give the tablespace room: ALTER TABLESPACE … ADD DATAFILE, or ALTER DATABASE DATAFILE … AUTOEXTEND ON. The run goes on from its checkpoint with the same command.';
const QUOTA =
  'ALTER USER <schema> QUOTA UNLIMITED ON <tablespace>, for the schema that owns the tables; then run the same command again.';

export const CURES: ReadonlyMap<number, string> = new Map([
  [
    257,
    'The archiver is full: make room where archived logs go (RMAN: BACKUP ARCHIVELOG ALL DELETE INPUT, or a larger DB_RECOVERY_FILE_DEST_SIZE).',
  ],
  [942, 'A table or view is not there, or this account may not see it: `migrate check` prints the grants.'],
  [1017, 'Correct the user or the password in target.url.'],
  [1031, 'A right is missing: `migrate check` prints the grants.'],
  [1045, 'GRANT CREATE SESSION to the account.'],
  [1536, QUOTA],
  [1950, QUOTA],
  ...[1652, 1653, 1654, 1658, 1659, 1688, 1691, 1692, 1693].map((number) => [number, SPACE] as const),
  [28000, 'ALTER USER … ACCOUNT UNLOCK, and find out who failed to log in.'],
  [28001, 'The password has expired: ALTER USER … IDENTIFIED BY …, and correct target.url.'],
]);
