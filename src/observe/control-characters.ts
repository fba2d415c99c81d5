// What must not reach a terminal: names of a database may hold any character.

/** A whole escape sequence, so that its letters do not stay behind. */
const ESCAPE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[ -/]*[@-~]`, 'g');
const CONTROL = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

/** Removes what a terminal would act on, and what reorders text; line breaks and tabs stay. */
export function withoutControls(text: string): string {
  return text.replace(ESCAPE, '').replace(CONTROL, '');
}

/** The same characters in JSON as their escapes; JSON.stringify does that only for some. */
export function controlsEscaped(json: string): string {
  return json.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
