// The exit codes: the source of --help, of docs/errors.md and of what a code may say it exits with.

/** What the exit code tells a script. Which error has which is in codes.ts. */
export const EXITS = {
  0: 'done; never before verification has passed',
  1: 'a bug in the program',
  2: 'failed, with a cure: the plan, a connection, a preflight check, the databases',
  3: 'stopped, or not confirmed, by a person',
  4: 'verification found differences',
  5: 'the cutover was not reached',
  6: 'the plan, a database or this version is not the one that the run began with',
  7: 'done, without what somebody waived: a table, a row change',
  64: 'the command line is wrong',
  130: 'ended by SIGINT (Ctrl-C)',
  143: 'ended by SIGTERM',
} as const;

export type ExitCode = keyof typeof EXITS;

/** Done, but not with everything. */
export const WAIVED_EXIT = 7 satisfies ExitCode;
export const USAGE_EXIT = 64 satisfies ExitCode;
export const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143 } as const satisfies Record<string, ExitCode>;
