// How every session is set up. Nothing may depend on how the server or the account is: the territory comes first, because it sets
// the formats. A commit that has returned must be on disk, because what it covers is acknowledged to the source.

export const SETTINGS = [
  "ALTER SESSION SET NLS_LANGUAGE = 'AMERICAN' NLS_TERRITORY = 'AMERICA'",
  `ALTER SESSION SET NLS_CALENDAR = 'GREGORIAN' NLS_NUMERIC_CHARACTERS = '.,' NLS_SORT = 'BINARY' NLS_COMP = 'BINARY'
     NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'
     NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM' COMMIT_WAIT = 'WAIT'`,
  "ALTER SESSION SET TIME_ZONE = '+00:00'",
  'ALTER SESSION SET DDL_LOCK_TIMEOUT = 10',
];
