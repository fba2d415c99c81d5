// The certificate for people.

import type { Certificate } from './certificate.ts';
import { emptyValueLines } from './empty-values.ts';
import { count, facts, type Page, type Section, table } from './page.ts';

export function certificatePage(body: Certificate, sha256: string): Page {
  const { run, verification } = body;
  return {
    title: `Migration ${run}`,
    verdict: verdictOf(body),
    good: body.outcome === 'complete' && verification.differences === 0,
    sections: [
      moved(body),
      verified(body),
      cutover(body),
      tables(body),
      findings(body),
      stages(body),
      about(body, sha256),
    ],
  };
}

function verdictOf({ outcome, verification, cutover: found }: Certificate): string {
  const compared = `${count(verification.rowsCompared + verification.rowsComparedInFreeze)} rows compared, ${count(verification.differences)} differences`;
  switch (outcome) {
    case 'complete':
      return `Complete: ${compared}, write pause ${pauseText(found?.writePauseMs)}.`;
    case 'copied':
      return `Copied, and the source stays in use: ${compared}.`;
    case 'aborted':
      return 'Aborted: the source stays in use.';
    case 'running':
      return `Not finished: ${compared} so far.`;
  }
}

function pauseText(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? 'unknown' : `${Math.round(ms)} ms`;
}

function moved({ totals, startPosition, notCarried, foreignKeys, plan, waivers }: Certificate): Section {
  return {
    heading: 'What moved',
    blocks: [
      facts([
        ['tables', count(totals.tables)],
        ['rows copied', count(totals.rowsCopied)],
        ['changes applied', count(totals.changesApplied)],
        ['transactions committed in parts', count(totals.splitTransactions)],
        ['began at position', startPosition ?? 'not yet'],
        ['left out by the plan', plan['tables.exclude'] ?? '[]'],
        ['not carried', notCarried.length === 0 ? 'nothing' : notCarried.join(', ')],
        ...waivers.tables.map(({ table: name, reason, by }) => ['not carried', `${name}: ${reason} (${by})`] as const),
        ...waivers.foreignKeys.map((key) => ['not made', `foreign key ${key}`] as const),
        ...waivers.letters.map(
          ({ id, table: name, reason, by }) =>
            ['not applied', `dead letter ${id} of ${name}: ${reason} (${by})`] as const,
        ),
        ['foreign keys not valid', foreignKeys.notValid.length === 0 ? 'none' : foreignKeys.notValid.join(', ')],
      ]),
    ],
  };
}

function verified({ verification }: Certificate): Section {
  return {
    heading: 'Verification',
    blocks: [
      facts([
        ['finished', verification.finishedAt ?? 'not yet'],
        ['rows compared while writes went on', count(verification.rowsCompared)],
        ['rows compared in the freeze', count(verification.rowsComparedInFreeze)],
        ['differences', count(verification.differences)],
        ...emptyValueLines(verification.emptyValues).map((line) => ['empty values', line] as const),
      ]),
    ],
  };
}

function cutover({ cutover: found }: Certificate): Section {
  if (found === null) return { heading: 'Cutover', blocks: [{ kind: 'text', text: 'It has not begun.' }] };
  return {
    heading: 'Cutover',
    blocks: [
      facts([
        ['attempts', count(found.attempts)],
        ['stands at', found.phase],
        ['writes stopped at', found.frozenAt ?? 'unknown'],
        ['write pause', pauseText(found.writePauseMs)],
        ...(found.reason === null ? [] : [['reason', found.reason] as const]),
      ]),
      table(
        ['step', 'ms'],
        found.steps.map(({ name, ms }) => [name, ms.toFixed(1)]),
        'No step was recorded.',
      ),
      table(
        ['switch', 'state'],
        found.switches.map(({ name, state }) => [name, state]),
        'The plan has no switch.',
      ),
    ],
  };
}

function tables({ tables: all }: Certificate): Section {
  return {
    heading: 'Tables',
    blocks: [
      table(
        ['table', 'rows copied', 'chunks', 'rows read again', 'found by'],
        all.map(({ table: name, rowsCopied, chunksDone, chunks, rowsReadAgain, key }) => [
          name,
          count(rowsCopied),
          `${count(chunksDone)} of ${chunks === null ? '?' : count(chunks)}`,
          count(rowsReadAgain),
          key.length === 0 ? 'all values' : key.join(', '),
        ]),
        'None.',
      ),
    ],
  };
}

function findings({ findings: all }: Certificate): Section {
  return {
    heading: 'What preflight found',
    blocks: [
      table(
        ['level', 'code', 'about', 'what'],
        all.map(({ level, code, subject, message }) => [level, code, subject, message]),
        'Nothing.',
      ),
    ],
  };
}

function stages({ stages: all }: Certificate): Section {
  return {
    heading: 'Stages',
    blocks: [
      table(
        ['stage', 'began', 'ended', 'seconds'],
        all.map(({ stage, startedAt, finishedAt, seconds }) => [
          stage,
          startedAt,
          finishedAt ?? 'not yet',
          seconds === null ? '' : String(seconds),
        ]),
        'None.',
      ),
    ],
  };
}

function about({ run, id, createdAt, source, target, plan }: Certificate, sha256: string): Section {
  return {
    heading: 'About this run',
    blocks: [
      facts([
        ['run', `${run} (${id})`],
        ['began', createdAt],
        ['source', `${source.identity}, version ${source.version ?? 'unknown'}`],
        ['target', `${target.identity}, version ${target.version ?? 'unknown'}`],
        ...Object.entries(plan),
        ['sha256 of the certificate', sha256],
      ]),
    ],
  };
}
