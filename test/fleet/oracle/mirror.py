"""A stand-in for Oracle: the Mirror of the package seerdb, with what node-oracledb and our SQL need besides.

Usage: mirror.py -c mirror.ini, with the options of seerdb-mirror. Nothing of seerdb is changed on disk: its functions
are replaced and its backend is subclassed as the process starts. Under it is PostgreSQL, so a statement that runs here
is no proof that Oracle takes it.
"""
import contextlib
import logging
import os
import re
import struct
import sys
import time

import psycopg
from seerdb.common import tns
from seerdb.server import framing, handshake, session
from seerdb.server.backend import BackendError
from seerdb.server.backends import postgres

log = logging.getLogger('stand-in')
TRACE = os.environ.get('MIGRATE_STAND_IN_TRACE')
# Beside the settings, when there are any.
FAULTS = os.path.join(os.path.dirname(sys.argv[-1]), 'faults')

# --- What the driver expects of the protocol ------------------------------------------------------------------------

# The driver opens a round about network encryption unless the server's flags say that it has none; the Mirror takes
# that round for another client's. 0x04 and 0x08: no encryption services.
handshake._ACCEPT_LARGE_RESERVED |= 0x0408
# With this capability the driver waits for a time zone in the answer, which the Mirror does not send.
_caps = bytearray(handshake._SERVER_RUNTIME_CAPS)
_caps[1] &= 0xFE
handshake._SERVER_RUNTIME_CAPS = bytes(_caps)
# The driver asks a new temporary LOB for its chunk size and reads an amount; the Mirror acknowledges without one.
session.encode_lobops_ack = lambda locator: session.encode_lobops_length(
    struct.pack('>H', len(locator)) + locator, 8060
)

# The driver takes names to be of at most 30 bytes unless the login's answer says otherwise. PostgreSQL cuts at 63.
_encode_pairs = tns.encode_rpa_kv


def _encode_pairs_with_length(pairs):
    answer = any(pair[0] == b'AUTH_SVR_RESPONSE' for pair in pairs)
    return _encode_pairs([*pairs, (b'AUTH_MAX_IDEN_LENGTH', b'128')] if answer else pairs)


tns.encode_rpa_kv = _encode_pairs_with_length

# The Mirror parses a message anew after each packet that it lacks, and gives up where one is late: an array of a thousand
# rows takes minutes of that on a busy machine. One that is cut between two rows it takes for whole. The driver marks the last packet.
_PACKET_WAIT_SECONDS = 30.0
_LARGE_BYTES = 1 << 20
_complete_message = session._complete_message


def _complete_at_once(stream, body, parse):
    parts = [body]
    while not stream.last_data_flags & session.TNS_DATA_FLAGS_END_OF_REQUEST:
        try:
            received = stream.read_packet(within=_PACKET_WAIT_SECONDS)
        except TimeoutError:
            break
        if received is None or received[0] != session.TNS_DATA:
            raise session.InterfaceError('the client closed in the middle of a message')
        parts.append(received[1])
    whole = b''.join(parts)
    return _complete_message(stream, whole if len(whole) < _LARGE_BYTES else _put_aside(stream, whole), parse)


session._complete_message = _complete_at_once

# At each field of a message the Mirror copies all that follows: large values are put aside before it is read, and a short one stands
# for each. They are in pieces of 65,536 bytes.
_PIECES = b'\xfe\x04\x00\x01\x00\x00'
_decode_pieces = tns.decode_chr
_aside = {}


def _pieces_at(message, at):
    """The value whose pieces begin there, and where they end."""
    pieces = []
    while at < len(message):
        begin = at + 1 + message[at]
        length = int.from_bytes(message[at + 1 : begin], 'big')
        at = begin + length
        if length == 0:
            return (b''.join(pieces), at)
        pieces.append(message[begin:at])
    raise session.Truncated('a value in pieces')


def _put_aside(stream, message):
    for name in getattr(stream, 'aside', ()):
        _aside.pop(name, None)
    stream.aside, parts, at = [], [], 0
    for begin in iter(lambda: message.find(_PIECES, at), -1):
        value, end = _pieces_at(message, begin + 1)
        name = os.urandom(16)
        _aside[name] = value
        stream.aside.append(name)
        parts += [message[at:begin], b'\xfe\x01', bytes([len(name)]), name, b'\x00']
        at = end
    return b''.join([*parts, message[at:]])


def _decode_pieces_once(message):
    if not message or message[0] != tns.TNS_LONG_LENGTH_INDICATOR:
        return _decode_pieces(message)
    value, end = _pieces_at(message, 1)
    return (_aside.get(value, value), message[end:])


tns.decode_chr = _decode_pieces_once
# So does it at each packet of a large answer.
_write_data = framing.PacketStream._write_data


def _write_in_parts(stream, answer):
    # In packets that say that there are more; what is left is for the Mirror.
    size = stream.sdu - 37 - 10
    count = max(0, len(answer) - stream.sdu) // size
    rest = memoryview(answer)
    for at in range(0, count * size, size):
        stream._sock.sendall(tns.encode_data_packet(bytes(rest[at : at + size]), framing.TNS_DATA_FLAGS_MORE, stream.large))
    _write_data(stream, answer[count * size :])


framing.PacketStream._write_data = _write_in_parts

# After a statement that failed the driver cancels its cursor, along with the next call and in the form in which it closes
# one; the Mirror knows only closing.
_CLOSE_CURSORS, _CANCEL_CURSORS = 105, 120
_skip_piggybacks = session._skip_piggybacks


def _skip_with_cancel(body, *rest):
    body = _skip_piggybacks(body, *rest)
    while len(body) > 1 and body[0] == session.TTI_MSG_TYPE_PIGGYBACK and body[1] == _CANCEL_CURSORS:
        body = _skip_piggybacks(body[:1] + bytes([_CLOSE_CURSORS]) + body[2:], *rest)
    return body


session._skip_piggybacks = _skip_with_cancel

# The driver says once, after the first answer, how it wants to read large objects, and counts on that whenever it executes
# the cursor again. The Mirror forgets it where that first answer had no rows, and sends what the driver cannot read
# (NJS-103, NJS-112) as soon as there are some.
_answer_query = session._answer_query


def _answer_query_as_defined(stream, backend, request, cursors, *rest):
    if request.cursor and not request.sql:
        if request.define_types:
            cursors.set_defines(request.cursor, request.define_types)
        else:
            # Executed again before all rows of the last time were fetched: these are not wanted any more.
            cursors._open.pop(request.cursor, None)
    return _answer_query(stream, backend, request, cursors, *rest)


session._answer_query = _answer_query_as_defined

# --- What PostgreSQL 15 and its orafce lack ------------------------------------------------------------------------

# A setting that this orafce does not know.
postgres._ORAFCE_SESSION_SETTINGS = 'SELECT 1'
# Deadlock, serialization, cancel, disk full, lock not available: Oracle's numbers for PostgreSQL's codes.
postgres._SQLSTATE_TO_ORA.update({'40P01': 60, '40001': 8177, '57014': 1013, '53100': 1653, '55P03': 54})

# A column that is called as a type is quoted.
for _name in ('_DDL_DATE_COLUMN', '_DDL_FLOAT_COLUMN'):
    _pattern = getattr(postgres, _name)
    setattr(postgres, _name, re.compile(rf'(?<!")(?:{_pattern.pattern})(?!")', _pattern.flags))
postgres._DDL_TYPE_REWRITES = [
    (re.compile(rf'(?<!")(?:{pattern.pattern})(?!")', pattern.flags), replacement)
    for pattern, replacement in postgres._DDL_TYPE_REWRITES
]

# Schema `standin`, before the Mirror's own: what dictionary.sql adds.
postgres._SEARCH_PATH_TAIL = postgres._SEARCH_PATH_TAIL.replace('public,', 'public, standin,')
# No name is quoted in small letters; those that look so are ours, folded.
postgres._QUOTED_LOWER_NAME = re.compile(r'(?!)')


def _statements(ddl):
    """Cuts at semicolons outside of strings and dollar quotes."""
    parts = re.finditer(r"'(?:[^']|'')*'|(\$\w*\$).*?\1|;|[^;'$]+|\$", ddl, re.S)
    statement = ''
    for part in parts:
        if part.group(0) == ';':
            yield statement
            statement = ''
        else:
            statement += part.group(0)
    yield statement


def _install_part(self, part, *ddl):
    """Statement by statement, so that what this PostgreSQL does not know leaves the rest in place."""
    for statement in [one for block in ddl for one in _statements(block) if one.strip()]:
        try:
            with self._conn.transaction():
                self._conn.execute(statement)
        except psycopg.Error as error:
            log.warning('%s: %s :: %s', part, str(error).split('\n')[0], ' '.join(statement.split())[:90])


postgres.PostgresBackend._install_part = _install_part

# --- Statements that the Mirror does not take as they are --------------------------------------------------------------

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"([^"]+)"|/\*.*?\*/|--[^\n]*""", re.S)
_NAME = r'(?:"[^"]+"|[\w$#]+)'
_TABLE = rf'{_NAME}(?:\s*\.\s*{_NAME})?'
_IDENTITY = r'GENERATED\s+(?:BY\s+DEFAULT|ALWAYS)(?:\s+ON\s+NULL)?\s+AS\s+IDENTITY'
_CREATE_TABLE = re.compile(rf'\s*CREATE\s+TABLE\s+({_TABLE})', re.I)
_IDENTITY_COLUMN = re.compile(rf'({_NAME})\s+(NUMBER(?:\s*\([^)]*\))?)\s+{_IDENTITY}(?:\s*\([^)]*\))?', re.I)
_LIMIT_VALUE = re.compile(
    rf'\s*ALTER\s+TABLE\s+({_TABLE})\s+MODIFY\s+\(?\s*({_NAME})\s+{_IDENTITY}\s*'
    r'\(\s*START\s+WITH\s+(LIMIT\s+VALUE|-?\d+)(?:\s+INCREMENT\s+BY\s+(\d+))?\s*\)\s*\)?\s*$',
    re.I,
)
_STEP = re.compile(r'\bINCREMENT\s+BY\s+(\d+)', re.I)


def _fold(sql):
    """"SHOP" is SHOP in Oracle, but not in PostgreSQL: names in capitals lose them."""

    def folded(match):
        name = match.group(1)
        return f'"{name.lower()}"' if name is not None and name.upper() == name else match.group(0)

    return _TOKEN.sub(folded, sql)


_SUBSTITUTES = {
    'TABLE': [
        (r'\s+ENABLE\s+NOVALIDATE\b(?!\s+CONSTRAINT)', ' NOT VALID'),
        (rf'\bMODIFY\s+CONSTRAINT\s+({_NAME})\s+ENABLE\s+VALIDATE\b', r'VALIDATE CONSTRAINT \1'),
        (rf'\bENABLE\s+(?:VALIDATE\s+)?CONSTRAINT\s+({_NAME})', r'VALIDATE CONSTRAINT \1'),
        (r'\s+ENABLE\s+VALIDATE\b', ''),
        (r'\bCASCADE\s+CONSTRAINTS\b', 'CASCADE'),
        (r'(\bDROP\s+TABLE\s+.*?)\s+PURGE\s*$', r'\1'),
        (r'\)\s*VIRTUAL\b', ') STORED'),
        (r'\)\s*LOGGING\s*$', ')'),
    ],
    'INDEX': [(r'\s+(?:ONLINE|NOLOGGING|LOGGING|NOPARALLEL|PARALLEL(?:\s+\d+)?)\b', '')],
    # PostgreSQL's sequences end with its bigint.
    'SEQUENCE': [(r'\b(MAXVALUE|MINVALUE)\s+-?\d{19,}', r'NO \1')],
}
_INDEX_COLUMNS = re.compile(rf'(\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+{_TABLE}\s+ON\s+{_TABLE}\s*)\((.*)\)\s*$', re.I | re.S)
_SIMPLE_COLUMN = re.compile(rf'\s*{_NAME}(?:\s+(?:ASC|DESC))?\s*$', re.I)
_NEXT = re.compile(rf'({_NAME})\s*\.\s*({_NAME})\s*\.\s*(NEXTVAL|CURRVAL)\b', re.I)


def _arguments(text):
    """Cuts at the commas that are in no parentheses and no quotes."""
    depth, argument = 0, ''
    for part in re.findall(r"""'(?:[^']|'')*'|"[^"]*"|.""", text, re.S):
        depth += (part == '(') - (part == ')')
        if part == ',' and depth == 0:
            yield argument
            argument = ''
        else:
            argument += part
    yield argument


def _index_columns(match):
    """PostgreSQL wants parentheses about an expression."""
    columns = [one if _SIMPLE_COLUMN.match(one) else f'({one})' for one in _arguments(match.group(2))]
    return f'{match.group(1)}({", ".join(columns)})'


def _translated(sql):
    if re.match(r'\s*MERGE\b', sql, re.I):
        # PostgreSQL takes no alias before the column that is set.
        assignments = re.compile(r'(\bUPDATE\s+SET\s+)(.*?)(?=\bWHEN\s+NOT\b|\bDELETE\s+WHERE\b|$)', re.I | re.S)
        target = re.compile(rf'(^|,\s*){_NAME}\.({_NAME})(?=\s*=)')
        sql = assignments.sub(lambda match: match.group(1) + target.sub(r'\1\2', match.group(2)), sql)
    kind = re.match(r'\s*(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:UNIQUE\s+)?(\w+)', sql, re.I)
    for pattern, substitute in _SUBSTITUTES.get(kind.group(1).upper(), []) if kind is not None else []:
        sql = re.sub(pattern, substitute, sql, flags=re.I | re.S)
    sql = _INDEX_COLUMNS.sub(_index_columns, sql)
    # Here the Mirror looks names up as they are written.
    sql = _NEXT.sub(lambda match: match.group(0).replace('"', ''), sql)
    if re.match(r'\s*(GRANT|REVOKE)\b', sql, re.I):
        return sql.replace('"', '')
    return _fold(sql)


_WAIT = re.compile(r'(\s*(?:SELECT\b.*\b(FOR\s+UPDATE)\b.*|LOCK\s+TABLE\b.*))\s+WAIT\s+(\d+)\s*$', re.I | re.S)


_DROP_TRIGGER = re.compile(r'^(\s*DROP\s+TRIGGER\s+)"(MIGRATE\$[^"]+)"\s*$', re.I)
_KILL = re.compile(r"\s*ALTER\s+SYSTEM\s+KILL\s+SESSION\s+'(\d+),", re.I)


def _sequence(table, column):
    return '"' + f'{table.split(".")[-1]}_{column}_iseq'.replace('"', '').strip().lower() + '"'


def _in_schema(table, name):
    return f'{table.rpartition(".")[0]}.{name}' if '.' in table else name


@contextlib.contextmanager
def _traced(sql):
    """What was refused is told to the file that MIGRATE_STAND_IN_TRACE names, with the statement."""
    try:
        yield
    except Exception as error:
        if TRACE:
            with open(TRACE, 'a', encoding='utf8') as file:
                file.write(f'{error!r}\n  {sql}\n  {_translated(sql)}\n')
        raise


class StandIn(postgres.PostgresBackend):
    """The Mirror's backend, with faults that a test asks for in the table standin.faults."""

    _control = None
    _attributes = {}
    _bound = ('', ())

    def _aside(self, sql, values):
        """On a connection of its own, outside of the client's transaction."""
        if self._control is None or self._control.closed:
            self._control = psycopg.connect(self._conninfo, autocommit=True, application_name='stand-in')
        return self._control.execute(sql, values)

    def _fault(self, sql, moment):
        # Most tests set none, and asking costs as much as a statement.
        if not os.path.exists(FAULTS):
            return
        found = self._aside(
            """WITH due AS (SELECT id, skip FROM standin.faults WHERE remaining > 0 AND moment = %s AND %s ~* pattern
               ORDER BY id LIMIT 1)
               UPDATE standin.faults f SET skip = greatest(f.skip - 1, 0),
               remaining = f.remaining - CASE WHEN due.skip = 0 THEN 1 ELSE 0 END FROM due WHERE f.id = due.id
               RETURNING due.skip, f.action, f.ora_code, f.message, f.seconds""",
            (moment, sql),
        ).fetchone()
        if found is None or found[0] > 0:
            return
        (_skip, action, code, message, seconds) = found
        if seconds:
            time.sleep(float(seconds))
        if action == 'drop':
            raise ConnectionResetError('a fault that the test asked for')
        if action == 'error':
            raise BackendError(message or f'ORA-{code:05d}: a fault that the test asked for', ora_code=code)

    def close(self):
        if self._control is not None:
            self._control.close()
        super().close()

    def set_end_to_end(self, attrs):
        super().set_end_to_end(attrs)
        self._attributes = {**self._attributes, **{name: value or '' for name, value in attrs.items()}}
        (module, action, client) = (self._attributes.get(name) for name in ('module', 'action', 'client_identifier'))
        self._aside(
            """INSERT INTO standin.attributes VALUES (%s, %s, %s, %s) ON CONFLICT (pid) DO UPDATE
               SET module = excluded.module, action = excluded.action, client_identifier = excluded.client_identifier""",
            (self._conn.info.backend_pid, module, action, client),
        )

    def execute(self, sql, binds=()):
        # A query with a LOB that found no rows is asked once more, to define its columns, and then without its values.
        if binds:
            self._bound = (sql, binds)
        elif self._bound[0] == sql:
            binds = self._bound[1]
        self._fault(sql, 'before')
        with _traced(sql):
            result = self._run(sql, binds)
        self._fault(sql, 'after')
        return result

    def _run(self, sql, binds):
        kill = _KILL.match(sql)
        if kill is not None:
            result = super().execute(sql, binds)
            # What the session holds is free at once, whether or not its client asks anything.
            self._aside('SELECT pg_terminate_backend(%s)', (int(kill.group(1)),))
            return result
        wait = _WAIT.match(sql)
        if wait is not None:
            return self._waiting(int(wait.group(3)), lambda: self._take(wait.group(1), binds), wait.group(2) is not None)
        if re.match(r'\s*(ALTER\s+(TABLE|INDEX)|DROP|TRUNCATE|CREATE\s+(UNIQUE\s+)?INDEX|CREATE\s.*TRIGGER)\b', sql, re.I):
            # Oracle waits as long as DDL_LOCK_TIMEOUT says; PostgreSQL's statement also waits for those who only read.
            return self._waiting(10, lambda: self._take(sql, binds), False)
        return self._take(sql, binds)

    def _waiting(self, seconds, work, rows):
        self._conn.execute(f"SET LOCAL lock_timeout = '{max(seconds * 1000, 1)}ms'")
        try:
            return work()
        except BackendError as error:
            if rows and error.ora_code == 54:
                raise BackendError('ORA-30006: resource busy; acquire with WAIT timeout expired', ora_code=30006)
            raise
        finally:
            with contextlib.suppress(psycopg.Error):
                self._conn.execute('SET LOCAL lock_timeout = 0')

    def _take(self, sql, binds):
        sql = _DROP_TRIGGER.sub(self._with_owner_of_table, sql)
        restart = _LIMIT_VALUE.match(sql)
        if restart is not None:
            return self._restart_identity(*(part if part is None else _fold(part) for part in restart.groups()))
        create = _CREATE_TABLE.match(sql)
        if create is not None and _IDENTITY_COLUMN.search(sql) is not None:
            return self._create_with_identity(sql, _fold(create.group(1)), binds)
        try:
            result = super().execute(_translated(sql), binds)
            if re.match(r'\s*LOCK\s+TABLE\b', sql, re.I):
                # The Mirror ends a transaction that has written nothing with its next query, and the lock with it.
                self._conn.execute('SELECT pg_current_xact_id()')
            return result
        except BackendError as error:
            if error.ora_code == 2291 and re.match(r'\s*ALTER\s+TABLE\b', sql, re.I):
                raise BackendError('ORA-02298: cannot validate - parent keys not found', ora_code=2298)
            raise

    def _with_owner_of_table(self, match):
        """The Mirror looks for a trigger in the schema of its table."""
        owner = self._aside('SELECT table_owner FROM standin.all_triggers WHERE trigger_name = %s', (match.group(2),)).fetchone()
        return match.group(0) if owner is None else f'{match.group(1)}"{owner[0]}"."{match.group(2)}"'

    def _create_with_identity(self, sql, table, binds):
        """PostgreSQL has no identity on numeric: a sequence as the column's default takes its place."""
        owned = []

        def column(match):
            name = _fold(match.group(1))
            sequence = _in_schema(table, _sequence(table, name))
            step = _STEP.search(match.group(0))
            super(StandIn, self).execute(f'CREATE SEQUENCE {sequence} {step.group(0) if step else ""}', ())
            owned.append((sequence, name))
            return f"{match.group(1)} {match.group(2)} DEFAULT nextval('{sequence}')"

        result = super().execute(_translated(_IDENTITY_COLUMN.sub(column, sql)), binds)
        with contextlib.suppress(psycopg.Error):
            for sequence, name in owned:
                self._conn.execute(f'ALTER SEQUENCE {sequence} OWNED BY {table}.{name}')
            self._conn.commit()
        return result

    def _restart_identity(self, table, column, start, step):
        sequence = _in_schema(table, _sequence(table, column))
        if self._conn.execute('SELECT to_regclass(%s)', (sequence,)).fetchone()[0] is None:
            raise BackendError('ORA-30673: column to be modified is not an identity column', ora_code=30673)
        largest = f'(SELECT coalesce(max({column}), 0) + 1 FROM {table})'
        value = start if re.fullmatch(r'-?\d+', start) else largest
        # As drawn from, where it can be: a sequence that was only set does not say where it stands.
        by = int(step or 1)
        self._conn.execute(f'ALTER SEQUENCE {sequence} INCREMENT BY {by}')
        super().execute(f"SELECT setval('{sequence}', greatest(({value})::bigint - {by}, 1), ({value})::bigint > {by}) FROM dual", ())
        super().commit()
        return postgres.Result()

    def execute_many(self, sql, rows):
        self._fault(sql, 'before')
        with _traced(sql):
            result = super().execute_many(_translated(sql), rows)
        self._fault(sql, 'after')
        return result

    def execute_many_rowcounts(self, sql, rows):
        self._fault(sql, 'before')
        with _traced(sql):
            result = super().execute_many_rowcounts(_translated(sql), rows)
        self._fault(sql, 'after')
        return result

    def execute_returning(self, sql, rows):
        self._fault(sql, 'before')
        return super().execute_returning(_translated(sql), rows)

    def _grant_object(self, key, kind, targets, privileges, columns, grantees, me, grantable):
        # The account may grant on any object, which the Mirror does not know.
        super()._grant_object(key, kind, targets, privileges, columns, grantees, key[0], grantable)

    def parse(self, sql):
        with _traced(sql):
            return super().parse(_translated(sql))

    def commit(self):
        self._fault('COMMIT', 'before')
        super().commit()
        self._fault('COMMIT', 'after')

    def rollback(self):
        self._fault('ROLLBACK', 'before')
        super().rollback()
        # With PostgreSQL's transaction goes what was set in it.
        if self._attributes:
            super().set_end_to_end(self._attributes)
            super().commit()


postgres.PostgresBackend = StandIn

if __name__ == '__main__':
    from seerdb.server.launcher import main

    sys.exit(main(sys.argv[1:]))
