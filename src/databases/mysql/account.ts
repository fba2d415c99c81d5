// Accounts: a user and where it comes from. A person writes `user@host`, or only the user.

import type { Place } from './rights.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** `'migrator'@'10.%'`: for statements. Without a host it is any. */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const [user, host] = at < 0 ? [account, '%'] : [account.slice(0, at), account.slice(at + 1)];
  return `${quoteLiteral(user)}@${quoteLiteral(host)}`;
}

/** `quoted`: the account. `namesArePatterns`: see `Rights`. */
export function grant(privileges: readonly string[], place: Place, quoted: string, namesArePatterns: boolean): string {
  return `GRANT ${privileges.join(', ')} ON ${quotePlace(place, namesArePatterns)} TO ${quoted};`;
}

function quotePlace({ schema, name }: Place, namesArePatterns: boolean): string {
  if (schema === undefined) return '*.*';
  if (name !== undefined) return quoteTable({ schema, name });
  return `${quoteName(namesArePatterns ? schema.replaceAll(/[\\_%]/g, '\\$&') : schema)}.*`;
}
