// Seeds that were red once, each with what it had found. Every one is carried out in every test run.

export const RED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [];
