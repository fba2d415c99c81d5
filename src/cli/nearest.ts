// What a person may have meant by a word that is not known.

const OFFERED = 3;

/** The known words that come closest, the best first. A word within another counts as close. */
export function closest(word: string, known: readonly string[]): readonly string[] {
  return known
    .map((each) => ({ each, distance: distanceOf(word, each) }))
    .toSorted((a, b) => a.distance - b.distance || (a.each < b.each ? -1 : 1))
    .slice(0, OFFERED)
    .map(({ each }) => each);
}

function distanceOf(word: string, other: string): number {
  // The part behind the dot is what people remember.
  const forms = [other, other.slice(other.indexOf('.') + 1)];
  const within = forms.some((form) => word.length > 2 && (form.includes(word) || word.includes(form)));
  return Math.min(...forms.map((form) => edits(word, form))) - (within ? Math.min(word.length, other.length) : 0);
}

/** Insertions, deletions and replacements that lead from one text to the other. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
