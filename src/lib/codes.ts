// The catalogue of error codes: the source of docs/errors.md and of each error's cure and exit code.
// Sorted by code.

import type { ExitCode } from './exits.ts';

/**
 * retry: the runner starts the session again; operator: a person must act, then the same command goes on;
 * ambiguous: the outcome is unknown and nothing is repeated; bug: this should not have happened.
 */
export type Disposition = 'retry' | 'operator' | 'ambiguous' | 'bug';

export interface CodeEntry {
  readonly disposition: Disposition;
  readonly exit: Exclude<ExitCode, 0 | 7 | 130 | 143>;
  readonly why: string;
  readonly fix: string;
}

const entry = (exit: CodeEntry['exit'], disposition: Disposition, why: string, fix: string): CodeEntry => ({
  disposition,
  exit,
  why,
  fix,
});

export const CODES = {
  'APPLY.CONSTRAINT': entry(
    2,
    'operator',
    'The target refused a row that the source accepted.',
    'Compare the constraint on the target with the source, drop or correct it, then run the same command again.',
  ),
  'APPLY.DEAD_LETTERS': entry(
    2,
    'operator',
    'The target refused more rows than apply.deadLetterLimit allows. The batch was not committed.',
    'See what they have in common: `migrate dead-letters list`. Correct the target and `migrate dead-letters retry --all`, or raise the limit; then run the same command again.',
  ),
  'APPLY.LANES': entry(
    2,
    'retry',
    'apply.lanes was changed, and the lanes have come to one position: now their number can change.',
    'Nothing: the run starts again by itself, with the new number of lanes.',
  ),
  'APPLY.REROUTE': entry(
    2,
    'retry',
    'Rows that several lanes are writing must be written by one: a large transaction emptied the table, or moved a row to another key without carrying all its values.',
    'Nothing: the run starts again by itself, and from then on one lane writes the table.',
  ),
  'APPLY.ROW_MISSING': entry(
    2,
    'operator',
    'An update or delete found no row on the target: something else changed the target, or a row was lost.',
    'Find out who writes to the target, then abort with --drop and start again: this copy cannot be trusted.',
  ),
  'CONTROL.NOT_READY': entry(2, 'operator', 'The run is still starting.', 'Give the command again in a moment.'),
  'CONTROL.PORT': entry(
    2,
    'operator',
    'The port for the metrics cannot be opened, most often because another program has it.',
    'Set control.metricsPort to another port, to 0 for any free one, or to off.',
  ),
  'CONTROL.SOCKET': entry(
    2,
    'operator',
    'The control socket cannot be made or does not answer.',
    'Set control.directory (or MIGRATE_HOME) to a short path of your own that can be written.',
  ),
  'CONTROL.UNREACHABLE': entry(
    2,
    'operator',
    'No process is working on this run.',
    'Start it: `migrate run PLAN`. What was recorded is kept.',
  ),
  'COPY.ROWS': entry(
    2,
    'operator',
    'The target kept another number of rows of a chunk than the source sent: something on the target drops or adds rows.',
    'Remove the trigger or rule that the message points to from the target table, then run the same command again.',
  ),
  'CUTOVER.AMBIGUOUS': entry(
    5,
    'ambiguous',
    'A switch command was started and its outcome is unknown. Both sides are closed so that no write can be lost.',
    'Find out where the applications write now, run the same command again and say so meanwhile: `migrate cutover --switched` or `--undo`.',
  ),
  'CUTOVER.BUDGET': entry(
    5,
    'operator',
    'The freeze could not finish within cutover.budget. Everything was undone and the source is writable.',
    'See which step took the time, raise cutover.budget or wait for a quieter moment, then run `migrate cutover` again.',
  ),
  'CUTOVER.REFUSED': entry(
    5,
    'operator',
    'The cutover was not started because it could not have succeeded.',
    'Cure what the message names, then run `migrate cutover` again.',
  ),
  'CUTOVER.SWITCH': entry(
    5,
    'operator',
    'A switch command failed before the commit point. Everything was undone and the source is writable.',
    'Read the output of the command, correct it, then run `migrate cutover` again.',
  ),
  'DEMO.PLATFORM': entry(
    2,
    'operator',
    'The PostgreSQL that the demo starts is not installed for this platform.',
    'Run npm install without --omit=optional, on Linux with glibc, macOS or Windows; or write a plan for servers of your own.',
  ),
  'DEMO.START': entry(
    2,
    'operator',
    'The PostgreSQL that the demo starts could not be started.',
    'The message says why. Check the free space and the rights in the temporary folder, or set TMPDIR.',
  ),
  'FENCE.ARM': entry(
    5,
    'retry',
    'The fence could not be put on a table because a session holds the table.',
    'End the session that the message names, or wait; the run tries again.',
  ),
  'FENCE.EXPIRED': entry(
    5,
    'retry',
    'The freeze outlived its deadline, and the fence opened by itself.',
    'Raise cutover.budget; the run tries again.',
  ),
  'INTERNAL.BUG': entry(
    1,
    'bug',
    'The program met something it did not expect.',
    'Run the same command again: it goes on where it stopped. Please report the message and the stack.',
  ),
  INTERRUPTED: entry(
    3,
    'operator',
    'The run was interrupted. Nothing is lost.',
    'Run the same command again: it goes on where it stopped, unless the run was aborted.',
  ),
  'LEASE.HELD': entry(
    2,
    'operator',
    'Another runner is working on this run.',
    'Let it finish, or stop it, or take over with --takeover: its writes are then refused.',
  ),
  'LEASE.LOST': entry(
    2,
    'operator',
    'Another runner has taken over; this one stopped before it could write.',
    'Nothing to do here: watch the other runner.',
  ),
  'PLAN.CHANGED': entry(
    6,
    'operator',
    'The plan differs from the one the run was started with in fields that decide which rows move.',
    'Put the fields back, or abort the run and start a new one. A table joins a run with `migrate table add`.',
  ),
  'PLAN.FILE': entry(
    2,
    'operator',
    'The plan file cannot be read.',
    'Name an existing file, or write one to ./migrate.yaml.',
  ),
  'PLAN.INVALID': entry(
    2,
    'operator',
    'The plan has faults.',
    'Correct the lines named; an editor that knows schema/plan.schema.json shows them as you type.',
  ),
  'PREFLIGHT.FAILED': entry(
    2,
    'operator',
    'At least one check found an error.',
    'Run the cure printed with each finding, then the same command again.',
  ),
  'RUN.ABORTED': entry(
    2,
    'operator',
    'This run was aborted and cannot go on.',
    'Start a new run under another name, or `migrate abort --drop` first to remove what it left.',
  ),
  'RUN.COMPLETE': entry(
    2,
    'operator',
    'The run has ended. After a cutover the applications may have written to the target already.',
    'There is nothing to do, and no way back in this version (reverse: off).',
  ),
  'RUN.COPIED': entry(
    2,
    'operator',
    'The run has made a copy: the target is open and follows the source no more.',
    'To move the applications, start another run, with another name and another target database.',
  ),
  'RUN.FORMAT': entry(
    6,
    'operator',
    'The journal was written by a version of this program with another format.',
    'Finish the run with the version that began it.',
  ),
  'RUN.NAME': entry(
    2,
    'operator',
    'A run of this name already moves, or has moved, this source to another target.',
    'Give the plan another name, or abort the other run first. After a finished run delete its row of migrate.lease, on the side that the message names.',
  ),
  'RUN.NONE': entry(2, 'operator', 'There is no run of this plan yet.', 'Start one: `migrate run PLAN`.'),
  'RUN.STALLED': entry(
    2,
    'operator',
    'The session was started again and again without any progress.',
    'Cure the last error shown, then run the same command again.',
  ),
  'SCHEMA.ADDED': entry(
    2,
    'retry',
    'Columns were added to tables of the source, and schema.changes lets the run follow.',
    'Nothing: the run starts again by itself and adds them on the target.',
  ),
  'SCHEMA.CHANGED': entry(
    2,
    'operator',
    'The schema of a captured table was changed during the run.',
    'Undo the change before rows are written in its new form, or abort with --drop and start again.',
  ),
  'SNAPSHOT.LOST': entry(
    2,
    'retry',
    'The connection that held the snapshot broke, or a table was emptied before it was read.',
    'Nothing to do: the rest is copied at a new exact position.',
  ),
  'SOURCE.AUTHENTICATION': entry(
    2,
    'operator',
    'The source refused the user, the password or the database.',
    'Correct source.url.',
  ),
  'SOURCE.CONNECTION': entry(
    2,
    'retry',
    'The source cannot be reached, or the connection broke.',
    'Check the url, the network and that the server is up. A run at work goes on by itself when it is back; else run the same command again.',
  ),
  'SOURCE.IDENTITY': entry(
    6,
    'operator',
    'The source is not the server that the run began with.',
    'Point source.url at the original server, or abort and start again.',
  ),
  'SOURCE.LOCKED': entry(
    2,
    'retry',
    'A table of the source cannot be changed because a session holds it.',
    'End the session that the message names, or wait; the run tries again.',
  ),
  'SOURCE.REFUSED': entry(
    2,
    'operator',
    'The source refused a statement, or has a value that the run may not carry.',
    'The message says why. Most often a right is missing; where it names a column, correct the row on the source.',
  ),
  'SOURCE.TRANSIENT': entry(
    2,
    'retry',
    'The source could not do it now: a lock, a deadlock or exhausted resources.',
    'Nothing to do: it is tried again.',
  ),
  'SOURCE.URL': entry(
    2,
    'operator',
    'The source url is malformed.',
    'Use postgres://user:password@host:port/database?sslmode=…, or mysql:// or mariadb:// with user:password@host:port?sslmode=….',
  ),
  'STREAM.FORMAT': entry(
    2,
    'operator',
    'The source logged changes in a form that cannot be followed: as statements, in parts, without the names of columns, or more prepared in two phases than can be held.',
    'Nothing is skipped. The message names the setting or statement: undo it, then abort with --drop and start again.',
  ),
  'STREAM.GONE': entry(
    2,
    'operator',
    'The source no longer has the log that this run needs: it was removed or begun anew, or the slot of PostgreSQL was dropped or invalidated.',
    'The gap cannot be closed: abort with --drop and start again. First let the source keep more: max_slot_wal_keep_size on PostgreSQL, binlog_expire_logs_seconds on MySQL and MariaDB.',
  ),
  'STREAM.SILENT': entry(
    2,
    'retry',
    'The source has sent nothing for too long.',
    'Check the network; the run reconnects by itself.',
  ),
  'STREAM.UNDECODABLE': entry(
    2,
    'operator',
    'The source itself failed to decode its log, with an internal error of its own. Nothing is skipped.',
    'Run the same command again; if it fails at the same place, abort with --drop, update the server of the source and start again.',
  ),
  'STREAM.UNKNOWN': entry(
    2,
    'operator',
    'The log contains something this version does not know. Nothing is skipped.',
    'Please report the message. The run stands before that point.',
  ),
  'STREAM.VALUE_SIZE': entry(
    2,
    'operator',
    'A row was written whose value is longer in the log than this program can hold: 512 MB of text, 256 MB of bytes.',
    'Such a value can be copied but not followed: abort, and start again while it is not written, or exclude its table.',
  ),
  'TABLE.CHANGED': entry(
    2,
    'retry',
    'An operator asked for a table to be skipped, copied again or added.',
    'Nothing: the run starts again by itself, with what was asked.',
  ),
  'TABLE.COPIED': entry(
    2,
    'retry',
    'A table was copied again; the log is read again for its changes.',
    'Nothing: the run starts again by itself.',
  ),
  'TABLE.REFUSED': entry(
    2,
    'operator',
    'This cannot be done with the table now.',
    'The message says why; `migrate table list` shows where each table stands.',
  ),
  'TABLE.UNKNOWN': entry(64, 'operator', 'The run has no table of this name.', 'Name it as `migrate table list` does.'),
  'TARGET.AUTHENTICATION': entry(
    2,
    'operator',
    'The target refused the user, the password or the database.',
    'Correct target.url.',
  ),
  'TARGET.COMMIT_UNKNOWN': entry(
    2,
    'retry',
    'The reply to a COMMIT was lost. Its outcome is read from the checkpoint at the next connection.',
    'Nothing to do.',
  ),
  'TARGET.CONNECTION': entry(
    2,
    'retry',
    'The target cannot be reached, or the connection broke.',
    'Check the url, the network and that the server is up. A run at work goes on by itself when it is back; else run the same command again.',
  ),
  'TARGET.IDENTITY': entry(
    6,
    'operator',
    'The target is not the database that the run began with.',
    'Point target.url at the original database, or abort and start again.',
  ),
  'TARGET.REFUSED': entry(
    2,
    'operator',
    'The target refused a statement, or a value that the source holds.',
    'The message says why. Most often a right is missing; where it names a column, correct the row on the source or choose another type for the column (convert.columns, or the table on the target).',
  ),
  'TARGET.TRANSIENT': entry(
    2,
    'retry',
    'The target could not do it now: a lock, a deadlock or exhausted resources.',
    'Nothing to do: it is tried again.',
  ),
  'TARGET.URL': entry(
    2,
    'operator',
    'The target url is malformed.',
    'Use postgres://user:password@host:port/database?sslmode=… or mysql://user:password@host:port?sslmode=….',
  ),
  'TEST.FAILPOINT': entry(2, 'retry', 'A failpoint threw, as a test asked it to.', 'Nothing to do.'),
  'USAGE.ARGUMENT': entry(64, 'operator', 'The command line is wrong.', 'See --help.'),
  'USAGE.CANCELLED': entry(3, 'operator', 'The question was not answered with yes.', 'Nothing was done.'),
  'USAGE.FAILPOINT': entry(
    64,
    'operator',
    'MIGRATE_FAILPOINTS names something that is not a failpoint.',
    'Use name[@n]=kill9|throw|delay(ms)|pause(file).',
  ),
  'USAGE.FILE': entry(64, 'operator', 'The file to write cannot be written.', 'Name another file or folder.'),
  'VERIFY.DIFFERENCES': entry(
    4,
    'operator',
    'The contents of source and target differ, and the source was not changing.',
    'Look at the keys named, find out who writes to the target, then abort with --drop and start again.',
  ),
  'VERIFY.EMPTY': entry(
    4,
    'operator',
    'Nothing was compared although the source has rows.',
    'Check the table selection of the plan.',
  ),
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof CODES;
