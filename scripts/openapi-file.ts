// schema/openapi.json: the control API, from the table of its commands.

import { openApiDocument } from '../src/control/openapi.ts';

export function openApiFile(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}
