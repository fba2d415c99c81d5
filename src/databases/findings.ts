// How an adapter makes the findings of its checks.

import { FINDING_PREFIX, type FindingCode } from '../lib/finding-codes.ts';
import type { Finding, FindingLevel } from '../model/finding.ts';

interface Text {
  readonly code: FindingCode;
  readonly subject: string;
  readonly message: string;
  readonly cure?: string;
}

function finding(level: FindingLevel, { code, ...text }: Text): Finding {
  return { level, code: `${FINDING_PREFIX}${code}`, ...text };
}

export const errorFinding = (text: Text): Finding => finding('error', text);
export const warningFinding = (text: Text): Finding => finding('warning', text);
export const infoFinding = (text: Text): Finding => finding('info', text);

/** For tables that cannot be carried whatever is done on the database. `table` is `schema.name` without quotes. */
export function excludeCure(table: string): string {
  return `tables: { exclude: [${JSON.stringify(asGlob(table))}] }  # in the plan`;
}

/** The glob that matches this text only. */
export function asGlob(text: string): string {
  return text.replace(/[\\*?]/g, '\\$&');
}
