// How the checks of a stream make their findings.

import { FINDING_PREFIX, type FindingCode } from '../lib/finding-codes.ts';
import type { Finding, FindingLevel } from '../model/finding.ts';

export function finding(
  level: FindingLevel,
  code: FindingCode,
  subject: string,
  message: string,
  cure?: string,
): Finding {
  return { level, code: `${FINDING_PREFIX}${code}`, subject, message, ...(cure === undefined ? {} : { cure }) };
}
