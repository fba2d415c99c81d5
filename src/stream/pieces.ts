// Where a large transaction is cut, by every reader of a log. That must not depend on where reading began: lanes may have
// committed at different cuts of it, and each drops whole pieces. Nor may it depend on what is known of the tables: columns may be
// added meanwhile. Other limits, or another measure of bytes, are another format of the journal.

export const PIECE_CHANGES = 5_000;
/** As the log has them. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** About what a value costs in memory besides its text. */
export const VALUE_OVERHEAD = 24;
