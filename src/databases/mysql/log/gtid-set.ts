// The set of transactions that a place in the log stands for, kept as text because every position carries it.

/** First and last of transactions in a row. */
interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

export interface GtidSet {
  /** False when it was in the set before. */
  add(source: string, number: string): boolean;
  has(source: string, number: string): boolean;
  /** As the server writes it, without line breaks; '' when it is empty. */
  readonly text: string;
}

/** `text` in the server's own form, also with line breaks. */
export function gtidSet(text: string, isMariadb: boolean): GtidSet {
  return isMariadb ? new MariadbGtids(text) : new MysqlGtids(text);
}

/** True when `set` has every transaction of `part`; both as servers write them. */
export function includesAll(set: string, part: string): boolean {
  // In MariaDB's there are no intervals.
  const isMariadb = !part.includes(':');
  const all = gtidSet(set, isMariadb);
  if (!isMariadb) return new MysqlGtids(part).isPartOf(all);
  return part.split(',').every((gtid) => {
    const [domain = '', ...number] = gtid.trim().split('-');
    return number.length === 0 || all.has(domain, number.join('-'));
  });
}

/** By source, intervals in ascending order. */
class MysqlGtids implements GtidSet {
  readonly #intervals = new Map<string, Interval[]>();
  /** The text of each source; rebuilt for the one that has a new transaction. */
  readonly #texts = new Map<string, string>();
  #text: string | undefined;

  constructor(text: string) {
    for (const part of text.split(',')) this.#read(part.trim());
  }

  /** `uuid:1-5:7:tag:1-3`: a tag stands before its intervals. */
  #read(part: string): void {
    const [uuid = '', ...rest] = part.toLowerCase().split(':');
    let source = uuid;
    for (const item of rest) {
      const [first = '', last = first] = item.split('-');
      if (/^\d+$/.test(first)) this.#of(source).push({ first: BigInt(first), last: BigInt(last) });
      else source = `${uuid}:${item}`;
    }
    for (const one of this.#intervals.keys()) this.#write(one);
  }

  #of(source: string): Interval[] {
    const known = this.#intervals.get(source);
    if (known !== undefined) return known;
    const made: Interval[] = [];
    this.#intervals.set(source, made);
    return made;
  }

  add(source: string, number: string): boolean {
    const value = BigInt(number);
    const intervals = this.#of(source);
    // Nearly always the last one grows.
    let index = intervals.length;
    while (index > 0 && value < (intervals[index - 1]?.first ?? 0n)) index--;
    const before = intervals[index - 1];
    if (before !== undefined && value <= before.last) return false;
    const after = intervals[index];
    const first = before?.last === value - 1n ? before.first : value;
    const last = after?.first === value + 1n ? after.last : value;
    const joined = Number(first !== value);
    intervals.splice(index - joined, joined + Number(last !== value), { first, last });
    this.#write(source);
    return true;
  }

  has(source: string, number: string): boolean {
    const value = BigInt(number);
    return this.#intervals.get(source)?.some(({ first, last }) => first <= value && value <= last) ?? false;
  }

  /** Intervals that meet are one, so that one that is in a set lies within one of it. */
  isPartOf(set: GtidSet): boolean {
    if (!(set instanceof MysqlGtids)) return false;
    return [...this.#intervals].every(([source, intervals]) =>
      intervals.every(({ first, last }) =>
        set.#intervals.get(source)?.some((one) => one.first <= first && last <= one.last),
      ),
    );
  }

  #write(source: string): void {
    const intervals = this.#of(source).map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
    this.#texts.set(source, `${source}:${intervals.join(':')}`);
    this.#text = undefined;
  }

  get text(): string {
    this.#text ??= [...this.#texts.values()].join(',');
    return this.#text;
  }
}

/** MariaDB counts in domains: the last transaction of each stands for all before it. */
class MariadbGtids implements GtidSet {
  readonly #last = new Map<string, string>();
  #text: string | undefined;

  constructor(text: string) {
    for (const part of text.split(',')) {
      const [domain = '', server, sequence] = part.trim().split('-');
      if (sequence !== undefined) this.#last.set(domain, `${server}-${sequence}`);
    }
  }

  /** Only numbers of one server grow: those of others may come out of order unless `gtid_strict_mode` forbids it. */
  add(domain: string, number: string): boolean {
    const [server, sequence = ''] = number.split('-');
    const [lastServer, lastSequence = ''] = this.#last.get(domain)?.split('-') ?? [];
    if (server === lastServer && BigInt(sequence) <= BigInt(lastSequence)) return false;
    this.#last.set(domain, number);
    this.#text = undefined;
    return true;
  }

  /** Whatever server of the domain it is from: they count on where the one before ended. */
  has(domain: string, number: string): boolean {
    const [, lastSequence] = this.#last.get(domain)?.split('-') ?? [];
    return lastSequence !== undefined && BigInt(number.split('-')[1] ?? '') <= BigInt(lastSequence);
  }

  get text(): string {
    this.#text ??= [...this.#last].map(([domain, number]) => `${domain}-${number}`).join(',');
    return this.#text;
  }
}
