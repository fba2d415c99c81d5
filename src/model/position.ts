// An opaque point in a source's change stream. Only the stream that made it can read it:
// compare positions with the stream's `covers`, never as text.

declare const positionBrand: unique symbol;

/** Printable, storable, and meaningless outside the stream that produced it. */
export type Position = string & { readonly [positionBrand]: true };

/**
 * True when everything up to `at` is contained in `checkpoint`: a transaction at `at` is already
 * applied (checkpoint of a lane) or already visible (the `at` of a chunk's read). A partial order.
 */
export type Covers = (checkpoint: Position, at: Position) => boolean;
