// Users and roles of every server: no application has its tables under such a name. They share one space.

export const RESERVED: readonly string[] = [
  ...['SYS', 'SYSTEM', 'PUBLIC', 'SYSBACKUP', 'SYSDG', 'SYSKM', 'SYSRAC', 'AUDSYS', 'DBSNMP', 'OUTLN', 'ANONYMOUS'],
  ...['XDB', 'CTXSYS', 'MDSYS', 'ORDSYS', 'WMSYS', 'LBACSYS', 'DVSYS', 'OJVMSYS', 'APPQOSSYS', 'GSMADMIN_INTERNAL'],
  ...['CONNECT', 'RESOURCE', 'DBA'],
];
