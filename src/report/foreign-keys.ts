// What a result says of foreign keys that were made last because they could not be switched off.

export interface ForeignKeysResult {
  readonly validated: number;
  /** In force for new rows, but rows that were there before violate them. */
  readonly notValid: readonly string[];
}

/** From what the stage that checked them left in the journal. */
export function foreignKeysResult(found: Readonly<Record<string, unknown>> | undefined): ForeignKeysResult {
  return {
    validated: typeof found?.validated === 'number' ? found.validated : 0,
    notValid: Array.isArray(found?.notValid) ? found.notValid.map(String) : [],
  };
}

/** For people; nothing to say when all are valid. */
export function notValidLines({ notValid }: ForeignKeysResult): readonly string[] {
  return notValid.map((name) => `  not valid        ${name}: rows from before violate it`);
}
