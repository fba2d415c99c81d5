// Which conversion two engines need: the one place that knows the pairs.

import type { EngineKind } from '../plan/endpoint.ts';
import { canonicalOf } from './canonical.ts';
import { conversionOfForm } from './forms.ts';
import { convertCatalog } from './mysql-catalog.ts';
import { convertMysqlCatalog, mysqlConversion } from './mysql-to-mysql.ts';
import { mysqlCatalogForOracle, postgresCatalogForOracle } from './oracle-catalog.ts';
import { oracleConversion } from './oracle-forms.ts';
import type { ConvertOptions, PairConversion } from './pair.ts';
import { convertPostgresCatalog } from './postgres-catalog.ts';

/**
 * Undefined between two databases of PostgreSQL. `castTypeOf` is what MySQL's adapter calls a type in a condition, for tables on
 * a target.
 */
export function pairConversion(
  source: EngineKind,
  target: EngineKind | 'oracle',
  options: ConvertOptions,
  castTypeOf: (type: string) => string,
): PairConversion | undefined {
  if (target === 'oracle') {
    const values = { ofTarget: oracleConversion, canonicalOf };
    if (source === 'postgres') {
      return { catalog: (found, joined) => postgresCatalogForOracle(found, options, joined), ...values };
    }
    return {
      catalog: (found, joined) => mysqlCatalogForOracle(found, options, joined),
      ofSource: conversionOfForm,
      ...values,
    };
  }
  if (source === 'postgres') {
    if (target === 'postgres') return undefined;
    return {
      catalog: (found, joined) => convertPostgresCatalog(found, options, castTypeOf, joined),
      ofTarget: conversionOfForm,
      canonicalOf,
    };
  }
  if (target === 'postgres') {
    return {
      catalog: (found, joined) => convertCatalog(found, options, joined),
      ofSource: conversionOfForm,
      canonicalOf,
    };
  }
  return {
    catalog: (found, joined) => convertMysqlCatalog(found, options, castTypeOf, joined),
    ofSource: mysqlConversion,
    ofTarget: mysqlConversion,
  };
}
