// Which side of a run a server is on.

/** Decides the codes of its errors. */
export type Side = 'source' | 'target';
