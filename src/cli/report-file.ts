// Writes a report into a file, in the form that its name's ending says.

import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { MigrateError } from '../lib/errors.ts';
import { htmlPage } from '../report/html.ts';
import { markdownPage } from '../report/markdown.ts';
import type { Page } from '../report/page.ts';
import type { Io } from './io.ts';

export type ReportForm = '.html' | '.md' | '.json';

/** Throws USAGE.ARGUMENT: a report must not end up in a file that was meant for something else. */
export function formOf(path: string, allowed: readonly ReportForm[]): ReportForm {
  const form = allowed.find((each) => each === extname(path).toLowerCase());
  if (form !== undefined) return form;
  throw new MigrateError('USAGE.ARGUMENT', `the name of the report has to end with ${allowed.join(', ')}: ${path}`);
}

/** Replaces an older report. */
export async function writeReport(
  io: Io,
  path: string,
  form: ReportForm,
  report: { readonly page: Page; readonly body: unknown },
): Promise<void> {
  const text = textOf(form, report);
  try {
    await writeFile(path, io.secrets.scrub(text));
  } catch (error) {
    throw fileError(path, error);
  }
}

function textOf(form: ReportForm, { page, body }: { readonly page: Page; readonly body: unknown }): string {
  switch (form) {
    case '.html':
      return htmlPage(page);
    case '.md':
      return markdownPage(page);
    case '.json':
      return `${JSON.stringify(body, null, 2)}\n`;
  }
}

/** What the system said of a file that could not be written. */
export function fileError(path: string, thrown: unknown): MigrateError {
  const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not writable';
  return new MigrateError('USAGE.FILE', `${path} cannot be written (${reason})`, { cause: thrown });
}
