/** Which side of the run a server is; decides the codes of its errors. */
export type Side = 'source' | 'target';
