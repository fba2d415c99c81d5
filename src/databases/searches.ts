// What the searches of a source's rows have in common: only reading a table tells, so that each has a limit in time.

/** For all searches of one kind. */
export const DEFAULT_SEARCH_MS = 5_000;

const MOST_NAMED = 10;

/** What was not searched, in a sentence: `no … were looked for in …`. */
export function unsearchedText(what: string, subjects: readonly string[]): string {
  const more = subjects.length > MOST_NAMED ? ` and ${subjects.length - MOST_NAMED} more` : '';
  const named = subjects.slice(0, MOST_NAMED).join(', ');
  return `for lack of time, or of the right to read them, no ${what} were looked for in ${named}${more}`;
}
