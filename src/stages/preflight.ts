// Every check of both databases, all findings at once. Runs before anything is written anywhere.

import type { NamedCatalog } from '../convert/named-catalog.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { Source, TableSelection } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import { MigrateError } from '../lib/errors.ts';
import { FINDING_PREFIX } from '../lib/finding-codes.ts';
import type { Finding } from '../model/finding.ts';

export interface PreflightParts {
  readonly source: Source;
  readonly target: Target;
  readonly named: NamedCatalog;
  /** What `named` describes. */
  readonly selection: TableSelection;
  /** True when the target's tables are this run's own. */
  readonly resuming: boolean;
}

/** Findings of both sides, the source's and those of a conversion first. */
export async function preflight({
  source,
  target,
  named,
  selection,
  resuming,
}: PreflightParts): Promise<readonly Finding[]> {
  const { catalog, findings } = named;
  const [onSource, onTarget, same] = await Promise.all([
    source.check(catalog, selection),
    renamedTarget(target, catalog).check(catalog, resuming),
    sameDatabase(source, target),
  ]);
  // What kept the names from being found out may have been met a second time.
  const told = new Set(findings.map(({ code, subject }) => `${code} ${subject}`));
  const found = [
    ...same,
    ...onSource.map((finding) => (isOfBoth(finding) ? finding : { ...finding, side: 'source' as const })),
    ...findings,
    // On one database a cure for the target would be given to the source: its tables would be renamed.
    ...(same.length > 0 ? [] : onTarget)
      .filter(({ code, subject }) => !told.has(`${code} ${subject}`))
      .map((finding) => ({ ...finding, side: 'target' as const })),
  ];
  // What cannot be converted is missing when the schema is tried on the target, which proves nothing then.
  const isPartial = found.some((finding) => finding.level === 'error' && isOfBoth(finding));
  return isPartial ? found.filter(({ code }) => code !== `${FINDING_PREFIX}DDL`) : found;
}

/** What a conversion finds is of a column of the source and a type of the target. */
function isOfBoth({ code }: Finding): boolean {
  return code.startsWith(`${FINDING_PREFIX}CONVERT_`);
}

async function sameDatabase(source: Source, target: Target): Promise<readonly Finding[]> {
  const [one, other] = await Promise.all([source.identity(), target.identity()]);
  if (one !== other) return [];
  return [
    {
      level: 'error',
      code: 'PREFLIGHT.SAME_DATABASE',
      subject: 'target.url',
      message: 'source and target are the same database',
      cure: 'name another database in target.url',
    },
  ];
}

/** Throws PREFLIGHT.FAILED when a finding is an error. */
export function refuseErrors(findings: readonly Finding[]): void {
  const errors = findings.filter((finding) => finding.level === 'error');
  if (errors.length === 0) return;
  const codes = [...new Set(errors.map((finding) => finding.code))].join(', ');
  throw new MigrateError(
    'PREFLIGHT.FAILED',
    `${errors.length} check${errors.length === 1 ? '' : 's'} failed: ${codes}`,
  );
}
