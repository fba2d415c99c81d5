// migrate grants

import { Option } from 'commander';
import { type GrantPhase, SOURCE_PHASES, TARGET_PHASES } from '../model/grant.ts';
import type { Side } from '../model/side.ts';
import type { SideGrants } from '../runner/grants.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson, say } from './io.ts';

interface GrantsOptions {
  readonly side?: Side;
  readonly role?: string;
}

/** What the program does in a phase; who reads a right should see what it is for. */
const PHASES: Readonly<Record<GrantPhase, string>> = {
  check: 'reads the descriptions of the tables',
  copy: 'reads every row',
  stream: 'makes what it needs to follow the log, and follows it',
  freeze: 'puts the fence on the tables and reads the sequences',
  cleanup: 'removes what the run made, which is its own',
  schema: 'makes schemas and tables, which then are its own',
  load: 'writes the rows, into tables of its own',
  apply: 'writes the changes',
  cutover: 'sets the sequences and opens the tables, which are its own',
};

export const grantsCommand = (wiring: Wiring) =>
  defineCommand<GrantsOptions>(
    {
      name: 'grants',
      summary:
        'print the SQL that gives the role or account of a url the rights a run needs, and no others; writes nothing',
      examples: [
        'migrate grants plans/postgres-to-postgres.yaml',
        'migrate grants --side source --role migrator | psql postgres://admin@old-server/shop',
        'migrate grants --side target | mysql --host new-server --user admin --password',
      ],
      takesPlan: true,
      configure: (command) =>
        command
          .addOption(
            new Option('--side <side>', "one database only, to be piped into the database's client").choices([
              'source',
              'target',
            ]),
          )
          .option('--role <name>', 'for this role instead of the one in the url'),
      action: async ({ app, io, options, loadPlan }) => {
        const sides = await app.grants(await loadPlan(), { side: options.side, role: options.role });
        const next = sides.some(({ tables }) => tables === 0)
          ? { command: 'migrate grants', why: 'no table of the plan can be seen yet: once the source has run its part' }
          : { command: 'migrate check', why: 'says what is still missing' };
        if (options.json === true) printJson(io, { result: 'ok', sides, next: [next] });
        else {
          print(io, sides.map(sqlOf).join('\n'));
          // Beside the output, which may go into a file or another program.
          if (options.quiet !== true) say(io, `Next: ${next.command} (${next.why})`);
        }
        return 0;
      },
    },
    wiring,
  );

/** A script for the database's own client. */
function sqlOf({ side, role, database, grants, afterwards }: SideGrants): string {
  const phases = side === 'source' ? SOURCE_PHASES : TARGET_PHASES;
  const place = database === '' ? '' : ` in ${database}`;
  const lines = [comment(`${side}: what ${role} needs${place}. To be run by an administrator or the owners.`)];
  for (const phase of phases) {
    const here = grants.filter((grant) => grant.phase === phase);
    lines.push('', comment(`${phase}: ${PHASES[phase]}${here.length === 0 ? '. Nothing more is needed.' : ''}`));
    for (const { statement, why, optional } of here) {
      lines.push(comment(optional ? `recommended, ${why}` : why), optional ? comment(statement) : statement);
    }
  }
  if (afterwards !== undefined) lines.push('', comment(`Once the run is over: ${afterwards}`));
  return `${lines.join('\n')}\n`;
}

/** Names may hold line breaks, which would end the comment. */
function comment(text: string): string {
  return `-- ${text.replaceAll(/[\r\n]+/g, ' ')}`;
}
