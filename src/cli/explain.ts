// migrate explain: what a code of an error or a finding means and what cures it.

import type { CodeEntry, Disposition } from '../lib/code-entry.ts';
import { CODES } from '../lib/codes.ts';
import { MigrateError } from '../lib/errors.ts';
import { FINDING_CODES, FINDING_PREFIX } from '../lib/finding-codes.ts';
import type { FindingEntry } from '../lib/finding-entry.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { closest } from './nearest.ts';

const ACTS: Readonly<Record<Disposition, string>> = {
  retry: 'the run goes on by itself',
  operator: 'the run ends; cure the cause, then run the same command again',
  ambiguous: 'the outcome is unknown; a person has to find out and say',
  bug: 'this should not have happened; please report it',
};

type Explanation =
  | ({ readonly kind: 'error'; readonly code: string } & CodeEntry)
  | ({ readonly kind: 'finding'; readonly code: string } & FindingEntry);

const EXPLANATIONS: ReadonlyMap<string, Explanation> = new Map(
  [
    ...Object.entries<CodeEntry>(CODES).map(([code, entry]): Explanation => ({ kind: 'error', code, ...entry })),
    ...Object.entries<FindingEntry>(FINDING_CODES).map(
      ([code, entry]): Explanation => ({ kind: 'finding', code: `${FINDING_PREFIX}${code}`, ...entry }),
    ),
  ].map((explanation) => [explanation.code, explanation]),
);

/** Every code there is. */
export const EXPLAINED: readonly string[] = [...EXPLANATIONS.keys()];

export const explainCommand = (wiring: Wiring) =>
  defineCommand<object>(
    {
      name: 'explain',
      summary: 'say what the code of an error or a finding means, and what to do',
      examples: ['migrate explain STREAM.GONE', 'migrate explain PREFLIGHT.WAL_LEVEL', 'migrate explain wal_level'],
      takesPlan: false,
      configure: (command) => command.argument('<code>', 'as printed in brackets; findings also without PREFLIGHT.'),
      action: async ({ io, options, argument }) => {
        const explanation = explain(argument);
        if (options.json === true) printJson(io, { result: 'ok', ...explanation, next: [] });
        else for (const line of linesOf(explanation)) print(io, line);
        return 0;
      },
    },
    wiring,
  );

/** Throws USAGE.ARGUMENT with the codes that come closest. */
function explain(written: string): Explanation {
  const code = written.toUpperCase().replace(/^(ERROR|WARNING|INFO)?\[|\]$/g, '');
  const found = EXPLANATIONS.get(code) ?? EXPLANATIONS.get(`${FINDING_PREFIX}${code}`);
  if (found !== undefined) return found;
  const similar = closest(code, EXPLAINED);
  throw new MigrateError('USAGE.ARGUMENT', `there is no code ${written}`, {
    fix: `Did you mean ${similar.join(', ')}? All codes are in docs/errors.md.`,
  });
}

function linesOf(explanation: Explanation): readonly string[] {
  const head = [explanation.code, `  why   ${explanation.why}`];
  if (explanation.kind === 'finding') return [...head, `  cure  ${explanation.cure}`];
  const { fix, disposition, exit } = explanation;
  return [...head, `  fix   ${fix}`, `  then  ${ACTS[disposition]} (${disposition})`, `  exit  ${exit}`];
}
