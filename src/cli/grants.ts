// migrate grants

import { Option } from 'commander';
import { type GrantPhase, SOURCE_PHASES, TARGET_PHASES } from '../model/grant.ts';
import type { Side } from '../model/side.ts';
import type { SideGrants } from '../runner/grants.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

interface GrantsOptions {
  readonly side?: Side;
  readonly role?: string;
}

/** What the program does in a phase; who reads a right should see what it is for. */
const PHASES: Readonly<Record<GrantPhase, string>> = {
  check: 'reads the system catalogs, which everyone may',
  copy: 'reads every row',
  stream: 'makes a publication and a replication slot, and follows the log',
  freeze: 'puts the fence on the tables and reads the sequences',
  cleanup: 'removes what the run made, which is its own',
  schema: 'makes schemas, types, sequences and tables, which then are its own',
  load: 'writes the rows, into tables of its own',
  apply: 'writes the changes, with triggers and foreign keys switched off',
  cutover: 'sets the sequences and opens the tables, which are its own',
};

export const grantsCommand = (wiring: Wiring) =>
  defineCommand<GrantsOptions>(
    {
      name: 'grants',
      summary: 'print the SQL that gives a role the rights a run needs, and no others; writes nothing',
      examples: [
        'migrate grants plans/postgres-to-postgres.yaml',
        'migrate grants --side source --role migrator | psql postgres://admin@old-server/shop',
      ],
      takesPlan: true,
      configure: (command) =>
        command
          .addOption(
            new Option('--side <side>', 'one database only, to be piped into psql').choices(['source', 'target']),
          )
          .option('--role <name>', 'for this role instead of the one in the url'),
      action: async ({ app, io, options, loadPlan }) => {
        const sides = await app.grants(await loadPlan(), { side: options.side, role: options.role });
        const next = [{ command: 'migrate check', why: 'says what is still missing' }];
        if (options.json === true) printJson(io, { result: 'ok', sides, next });
        else print(io, sides.map(sqlOf).join('\n'));
        return 0;
      },
    },
    wiring,
  );

/** A script for psql. */
function sqlOf({ side, role, database, grants }: SideGrants): string {
  const phases = side === 'source' ? SOURCE_PHASES : TARGET_PHASES;
  const lines = [
    comment(`${side}: what role ${role} needs in database ${database}. To be run by a superuser or the owners.`),
  ];
  for (const phase of phases) {
    const here = grants.filter((grant) => grant.phase === phase);
    lines.push('', comment(`${phase}: ${PHASES[phase]}${here.length === 0 ? '. Nothing more is needed.' : ''}`));
    for (const { statement, why, optional } of here) {
      lines.push(comment(optional ? `recommended, ${why}` : why), optional ? comment(statement) : statement);
    }
  }
  if (side === 'target')
    lines.push('', comment(`Once the run is over: REASSIGN OWNED BY the role TO the owner you want.`));
  return `${lines.join('\n')}\n`;
}

/** Names may hold line breaks, which would end the comment. */
function comment(text: string): string {
  return `-- ${text.replaceAll(/[\r\n]+/g, ' ')}`;
}
