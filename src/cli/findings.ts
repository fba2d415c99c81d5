// Findings for people, worst first.

import type { Finding, FindingLevel } from '../model/finding.ts';
import { type Io, print, say } from './io.ts';

const ORDER: readonly FindingLevel[] = ['error', 'warning', 'info'];

/** As data. */
export function printFindings(io: Io, findings: readonly Finding[]): void {
  writeFindings(findings, (line) => print(io, line));
}

/** Beside the data. `quiet`: only errors. */
export function sayFindings(io: Io, findings: readonly Finding[], quiet: boolean): void {
  const told = quiet ? findings.filter(({ level }) => level === 'error') : findings;
  writeFindings(told, (line) => say(io, line));
}

function writeFindings(findings: readonly Finding[], write: (line: string) => void): void {
  for (const level of ORDER) {
    for (const finding of findings.filter((each) => each.level === level)) {
      const where = finding.side === undefined ? '' : `${finding.side}: `;
      // A name may hold line breaks, which must not look like lines of ours.
      write(`${level}[${finding.code}] ${where}${finding.subject}: ${finding.message}`.replaceAll('\n', '\\n'));
      for (const line of finding.cure?.split('\n') ?? []) write(`  cure  ${line}`);
    }
  }
}

/** `2 errors, 1 warning`. */
export function countFindings(findings: readonly Finding[]): string {
  const parts = ORDER.map((level) => ({ level, count: findings.filter((finding) => finding.level === level).length }))
    .filter(({ count }) => count > 0)
    .map(({ level, count }) => `${count} ${level === 'info' ? 'note' : level}${count === 1 ? '' : 's'}`);
  return parts.length === 0 ? 'no findings' : parts.join(', ');
}
