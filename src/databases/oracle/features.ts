// What only some versions of the server have, and from which on.

export interface Versions {
  /** `19.3.0.0.0`. */
  readonly version: string;
  /** The version whose files the database keeps (COMPATIBLE); that of the server where it does not tell. */
  readonly compatible: string;
}

/** `kept`: what is written down follows COMPATIBLE, which stays behind when a server is upgraded. */
const FROM = {
  // IS JSON came with a set of patches.
  whatIsNeeded: { version: '12.1.0.2', kept: false },
  longNames: { version: '12.2', kept: true },
  collations: { version: '12.2', kept: true },
  /** ALTER SEQUENCE … RESTART. */
  restart: { version: '18', kept: false },
  usersWithoutPassword: { version: '18', kept: false },
  json: { version: '21', kept: true },
  boolean: { version: '23', kept: true },
  /** A privilege may be given for a schema instead of everywhere. */
  schemaPrivileges: { version: '23', kept: false },
};

/** Of a server that is not asked for more; enough for what it does, and not for what it keeps. */
export function versionsOf({ version }: Pick<Versions, 'version'>): Versions {
  return { version, compatible: version };
}

export type Feature = keyof typeof FROM;

export function has(server: Versions, feature: Feature): boolean {
  const { version, kept } = FROM[feature];
  return !isBefore(kept ? server.compatible : server.version, version);
}

export function firstWith(feature: Feature): string {
  return FROM[feature].version;
}

/** Types that a plan may choose, and no server has that is older. */
export const NEWER_TYPES: ReadonlyMap<string, Feature> = new Map([
  ['JSON', 'json'],
  ['BOOLEAN', 'boolean'],
]);

/** Of versions with points. What is not said counts as zero. */
export function isBefore(one: string, other: string): boolean {
  const [own, theirs] = [one, other].map((text) => text.split('.').map(Number));
  const place = theirs?.findIndex((part, index) => (own?.[index] ?? 0) !== part) ?? -1;
  return place !== -1 && (own?.[place] ?? 0) < (theirs?.[place] ?? 0);
}
