// What is used of the parser's runtime: its package declares no types that are found.

declare module 'antlr4' {
  export class CharStream {
    constructor(text: string, decodeToUnicodeCodePoints?: boolean);
    LA(offset: number): number;
  }
  export class TokenStream {}
  export class CommonTokenStream extends TokenStream {
    constructor(lexer: Lexer);
  }
  export class ErrorListener {
    syntaxError(recognizer: unknown, symbol: unknown, line: number, column: number, message: string): void;
  }
  class Recognizer {
    removeErrorListeners(): void;
    addErrorListener(listener: ErrorListener): void;
  }
  export class Lexer extends Recognizer {
    constructor(input: CharStream);
  }
  export const PredictionMode: { readonly SLL: number; readonly LL: number };
  export class Parser extends Recognizer {
    readonly _interp: { predictionMode: number };
    constructor(input: TokenStream);
  }
}
