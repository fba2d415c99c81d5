// docs/errors.md, from the catalogue of codes.

import type { CodeEntry, Disposition } from '../src/lib/code-entry.ts';
import { CODES } from '../src/lib/codes.ts';
import { EXITS } from '../src/lib/exits.ts';
import { FINDING_CODES, FINDING_PREFIX } from '../src/lib/finding-codes.ts';
import type { FindingEntry } from '../src/lib/finding-entry.ts';
import { heading, table } from './markdown.ts';

const DISPOSITIONS: Readonly<Record<Disposition, string>> = {
  retry: 'The run goes on by itself; it ends only when nothing has moved for `limits.giveUpAfter`.',
  operator: 'The run ends. Cure the cause, then run the same command again: it goes on where it stopped.',
  ambiguous: 'The outcome is unknown and nothing is repeated. A person has to find out and say.',
  bug: 'This should not have happened.',
};

export function errorsPage(): string {
  const entries = Object.entries<CodeEntry>(CODES);
  const sections = entries.map(
    ([code, { disposition, exit, why, fix }]) =>
      `### ${code}\n\n${why}\n\n**What to do:** ${fix}\n\n${disposition}, exit code ${exit}\n`,
  );
  const findings = Object.entries<FindingEntry>(FINDING_CODES).map(
    ([code, { why, cure }]) => `### ${FINDING_PREFIX}${code}\n\n${why}\n\n**Cure:** ${cure}\n`,
  );
  return [
    heading('Errors', 'src/lib/codes.ts and src/lib/finding-codes.ts'),
    'Every error has a code, a cause and a cure; the message names the object. `migrate explain CODE` prints the same.\n',
    '## Who acts next\n',
    table(['disposition', 'meaning'], Object.entries(DISPOSITIONS)),
    '## Exit codes\n',
    table(['code', 'meaning'], Object.entries(EXITS)),
    '## Codes\n',
    sections.join('\n'),
    '## Findings\n',
    'What preflight checks say. An error keeps a run from beginning; warnings and notes do not. The finding itself names ' +
      'the object and prints the statement that cures it.\n',
    findings.join('\n'),
  ].join('\n');
}
