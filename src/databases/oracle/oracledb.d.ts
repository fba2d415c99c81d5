// What is used of the driver: its package declares no types.

declare module 'oracledb' {
  namespace oracledb {
    export interface DbType {
      readonly name: string;
    }

    export interface ColumnMetadata {
      readonly name: string;
      readonly dbType: DbType;
    }

    export interface FetchType {
      readonly type?: DbType;
      readonly converter?: (value: unknown) => unknown;
    }

    export interface BindDefinition {
      readonly type: DbType;
      readonly maxSize?: number;
    }

    export interface ExecuteOptions {
      readonly outFormat?: number;
      readonly resultSet?: boolean;
      readonly fetchArraySize?: number;
      readonly prefetchRows?: number;
      readonly maxRows?: number;
      readonly fetchTypeHandler?: (column: ColumnMetadata) => FetchType | undefined;
      readonly keepInStmtCache?: boolean;
    }

    export interface ManyOptions {
      readonly bindDefs: readonly BindDefinition[];
    }

    export interface ResultSet {
      getRows(count: number): Promise<unknown[][]>;
      close(): Promise<void>;
    }

    export interface Result {
      readonly rows?: unknown[][];
      readonly rowsAffected?: number;
      readonly resultSet?: ResultSet;
    }

    export interface ManyResult {
      readonly rowsAffected?: number;
    }

    export interface Connection {
      readonly oracleServerVersionString: string;
      readonly maxIdentifierLength?: number;
      /** Written with the next call. */
      module: string;
      action: string;
      clientId: string;
      execute(sql: string, binds: readonly unknown[], options?: ExecuteOptions): Promise<Result>;
      executeMany(sql: string, rows: readonly (readonly unknown[])[], options: ManyOptions): Promise<ManyResult>;
      commit(): Promise<void>;
      rollback(): Promise<void>;
      ping(): Promise<void>;
      close(): Promise<void>;
      isHealthy(): boolean;
    }

    export interface ConnectionAttributes {
      readonly user: string;
      readonly password?: string;
      readonly connectString: string;
      readonly configDir?: string;
      readonly walletLocation?: string;
      readonly walletPassword?: string;
      readonly walletContent?: string;
      readonly sslServerDNMatch?: boolean;
      /** In seconds. */
      readonly connectTimeout?: number;
      /** In seconds. */
      readonly transportConnectTimeout?: number;
      /** In minutes. */
      readonly expireTime?: number;
      readonly stmtCacheSize?: number;
    }

    export interface Driver {
      readonly OUT_FORMAT_ARRAY: number;
      readonly DB_TYPE_BINARY_DOUBLE: DbType;
      readonly DB_TYPE_BINARY_FLOAT: DbType;
      readonly DB_TYPE_BLOB: DbType;
      readonly DB_TYPE_CHAR: DbType;
      readonly DB_TYPE_CLOB: DbType;
      readonly DB_TYPE_LONG: DbType;
      readonly DB_TYPE_NCHAR: DbType;
      readonly DB_TYPE_NCLOB: DbType;
      readonly DB_TYPE_NUMBER: DbType;
      readonly DB_TYPE_NVARCHAR: DbType;
      readonly DB_TYPE_RAW: DbType;
      readonly DB_TYPE_ROWID: DbType;
      readonly DB_TYPE_VARCHAR: DbType;
      getConnection(attributes: ConnectionAttributes): Promise<Connection>;
    }
  }
  const oracledb: oracledb.Driver;
  export = oracledb;
}
