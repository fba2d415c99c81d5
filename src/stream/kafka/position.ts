// Places in a topic of changes. As positions they are text, `1234@0/17983B0`: everything up to the record with that offset, which
// ends a transaction, and behind the @ the same place as the source says it. `1200#5000@0/17983B0` is a place within a
// transaction: the first 5000 changes of the one that begins at record 1200. Without an offset, `0/17983B0`, it is a place that
// was asked of the source itself.

import type { Covers, Position } from '../../model/position.ts';

/** A position taken apart. */
export interface TopicPlace {
  /** Undefined for a position that was asked of the source. */
  readonly offset: number | undefined;
  /** How many changes of the transaction that begins at `offset`; 0 when it is not within one. */
  readonly ordinal: number;
  /** As the source says it. */
  readonly source: Position;
}

const FORM = /^(\d{1,16})(?:#(\d{1,16}))?@(.*)$/s;

export function formatPlace(offset: number, source: Position, ordinal = 0): Position {
  return `${offset}${ordinal === 0 ? '' : `#${ordinal}`}@${source}` as Position;
}

// Asked for every change, nearly always with the same few texts.
let last: { readonly text: Position; readonly place: TopicPlace } | undefined;
let other: typeof last;

export function parsePlace(position: Position): TopicPlace {
  if (last?.text === position) return last.place;
  [last, other] = [other, last];
  if (last?.text === position) return last.place;
  const match = FORM.exec(position);
  const place =
    match === null
      ? { offset: undefined, ordinal: 0, source: position }
      : { offset: Number(match[1]), ordinal: Number(match[2] ?? 0), source: match[3] as Position };
  last = { text: position, place };
  return place;
}

/** Two places of the topic are in its order; with one that was asked of the source both are compared as it says them. */
export function coversWith(covers: Covers): Covers {
  return (checkpoint, at) => {
    const ours = parsePlace(checkpoint);
    const theirs = parsePlace(at);
    if (ours.offset === undefined || theirs.offset === undefined) return covers(ours.source, theirs.source);
    return ours.offset === theirs.offset ? ours.ordinal >= theirs.ordinal : ours.offset > theirs.offset;
  };
}
