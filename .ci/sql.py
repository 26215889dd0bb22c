"""Answers of expressions as DuckDB gives them: `python3 .ci/sql.py FLOTT [PART]`, with duckdb and pytz installed. PART is
a part of the expressions to look at alone. FLOTT_SQL_SEED and FLOTT_SQL_COUNT choose the expressions that are made up.

Writes a table of values that break things (limits, nulls, NaN, text outside of ASCII, leap days, years 1 and 9999), has
flott evaluate a few hundred expressions over every row, and as many that are made up, and DuckDB the same, and compares
value by value. An expression
that fails on a row is null on both sides (`TRY`), and must be so on both. Where flott is to differ, the expression
stands in DIFFERENCES, with the reason, and must differ.
"""

import datetime
import math
import os
import random
import re
import subprocess
import sys
import tempfile
from decimal import Decimal

import duckdb

flott = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2] if len(sys.argv) > 2 else None

MAX, MIN = 2**63 - 1, -(2**63)

# Columns: flott's type, DuckDB's type, values as they stand in the CSV file.
INTS = [None, 0, 1, -1, 2, 3, -7, 10, 64, 1000, MAX, MIN, MIN + 1, 1250, -1250]
SMALL = [None, 0, 1, -1, 2, 3, 5, -2, 7, 12]
DOUBLES = [None, "0.0", "-0.0", "1.5", "-2.5", "0.1", "1e300", "-1e-300", "NaN", "inf", "-inf", "1e15", "2.675", "123456.789"]
DECIMALS = [None, "0.00", "1.25", "-1.25", "0.01", "-0.05", "9999999999.99", "-9999999999.99", "2.50", "100.10"]
WIDE = [None, "0", "1.0000000000", "-0.0000000001", "9999999999999999999999999999.9999999999",
        "-9999999999999999999999999999.9999999999", "3.3333333333", "12345678901234567890.1234567891"]
TEXTS = [None, "", "a", "abc", "ABC", "äöü", "Straße", "日本語", "a,b,,c", " padded ", "100%", "a_b", "a.b", "it's",
         "x" * 13, "-12", "3.14", "1e5", "true", "2015-05-17", "2015-05-17 10:05:00", "naïve café", "🙂 smile", "aXbXc",
         "GET /a/b?c=d HTTP/1.1", "line\nbreak", "{\"a\":1}", "The quick brown fox"]
PATTERNS = [None, "", "a", "b", ",", "X", "ß", "語", " ", "%", "abc"]
TIMES = [None, "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2015-05-17T10:05:03.123456Z",
         "2016-02-29T12:00:00Z", "2000-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
         "2021-03-28T01:30:00Z", "2021-10-31T01:00:00Z", "2020-01-31T08:00:00Z", "2009-01-01T00:00:00Z", "1900-03-01T00:00:00Z"]
DATES = [None, "1970-01-01", "1969-12-31", "2016-02-29", "2015-05-17", "2000-12-31", "1900-02-28", "9999-12-31", "2020-01-31"]
GAPS = [None, "0s", "1 month", "1 day", "-1 day", "36 hours", "1 year 2 months 3 days 4 hours", "-3 months", "90 minutes"]
LISTS = [None, "[]", "[1]", "[1,2,3]", "[3,null,1,3]", "[-5,9223372036854775807]", "[null]"]
JSONS = [None, "{}", "[]", "1", "\"x\"", "null", "{\"a\":1,\"b\":{\"c\":[1,\"two\",null,{\"d\":true}]}}",
         "{\"a\": \"text \\u00e4 \\n\"}", "[1, 2.50, [3]]", "{\"a\": null}", "{\"a b\": 1, \"a\": 12345678901234567890}"]
BOOLS = [None, "true", "false"]

COLUMNS = {
    "i": ("int", "BIGINT", INTS),
    "j": ("int", "BIGINT", SMALL),
    "d": ("double", "DOUBLE", DOUBLES),
    "e": ("double", "DOUBLE", DOUBLES[1:] + DOUBLES[:1]),
    "m": ("decimal(12,2)", "DECIMAL(12,2)", DECIMALS),
    "w": ("decimal(38,10)", "DECIMAL(38,10)", WIDE),
    "s": ("string", "VARCHAR", TEXTS),
    "p": ("string", "VARCHAR", PATTERNS),
    "t": ("timestamp", "TIMESTAMP", TIMES),
    "u": ("timestamp", "TIMESTAMP", TIMES[3:] + TIMES[:3]),
    "day": ("date", "DATE", DATES),
    "day2": ("date", "DATE", DATES[2:] + DATES[:2]),
    "gap": ("interval", "INTERVAL", GAPS),
    "l": ("list<int>", "BIGINT[]", LISTS),
    "x": ("json", "JSON", JSONS),
    "f": ("boolean", "BOOLEAN", BOOLS),
    "g": ("boolean", "BOOLEAN", [None, None, "true", "true", "false", "false", "true"]),
}

# An expression as both write it, or a pair: flott's, DuckDB's.
EXPRESSIONS = """
i + j | i - j | i * j | i % j | -i | i / j :: i // j
d + e | d - e | d * e | -d
m + m | m - w | m + j | m * j | m * m | -m | m % 7
w + 1 | w + w | w - w | w * 2
m * 0.908 | j * 0.908 | m + 0.001 | m - 0.5
d / j :: CASE WHEN j = 0 THEN error('') ELSE d / j END
i = j | i <> j | i < j | i <= j | i > j | i >= j
d = e | d <> e | d < e | d <= e | d > e | d >= e
m = w | m < w | m > 1.249 | m = 1.25 | w > m | m <= j | j < m | w = 0
s = p | s <> p | s < p | s >= p | s < 'b' | s = ''
t = u | t < u | t >= u | t = '2016-02-29 12:00:00' | t < '1970-01-01'
f = g | f <> g | f < g | f AND g | f OR g | NOT f | f IS TRUE | f IS NOT FALSE | f IS FALSE | f IS NOT TRUE
i IS NULL | s IS NOT NULL | i IS DISTINCT FROM j | i IS NOT DISTINCT FROM j | s IS DISTINCT FROM p
i IN (1, 2, 3) | i IN (1, NULL) | i NOT IN (1, 2) | i NOT IN (1, NULL) | s IN ('a', 'abc') | s IN (p, 'a') | m IN (1.25, 2)
d IN (1.5, 2) | j BETWEEN -1 AND 3 | j NOT BETWEEN 0 AND i | m BETWEEN 0 AND 2 | t BETWEEN '1970-01-01' AND u
CASE WHEN j > 2 THEN 'big' WHEN j > 0 THEN 'small' END | CASE j WHEN 1 THEN 10 WHEN 2 THEN 20 ELSE j END
CASE WHEN j <> 0 THEN i % j END | COALESCE(i, j) | COALESCE(s, p, 'none') | NULLIF(i, j) | NULLIF(s, '') | COALESCE(m, j)
IF(f, i, j) :: CASE WHEN f THEN i ELSE j END
greatest(i, j) :: CASE WHEN i IS NULL OR j IS NULL THEN NULL ELSE greatest(i, j) END
least(i, j, 3) :: CASE WHEN i IS NULL OR j IS NULL THEN NULL ELSE least(i, j, 3) END
greatest(d, e) :: CASE WHEN d IS NULL OR e IS NULL THEN NULL ELSE greatest(d, e) END
s LIKE 'a%' | s LIKE '%b%' | s LIKE '_' | s LIKE '%' | s LIKE 'a_b' | s LIKE 'a\\_b' :: s LIKE 'a\\_b' ESCAPE '\\'
s LIKE '100!%' ESCAPE '!' | s NOT LIKE '%c' | s ILIKE 'ABC' | s ILIKE '%Ö%' | s LIKE '' | s LIKE '%a%b%' | s LIKE '_b_'
regexp_like(s, '^[a-z]+$') :: regexp_matches(s, '^[a-z]+$')
s ~ '.*b.*' | regexp_replace(s, '[aeiou]', '#') :: regexp_replace(s, '[aeiou]', '#', 'g')
regexp_replace(s, '(\\w+) (\\w+)', '$2 $1') :: regexp_replace(s, '([0-9A-Za-z_]+) ([0-9A-Za-z_]+)', '\\2 \\1', 'g')
regexp_extract(s, '[0-9]+') :: nullif(regexp_extract(s, '[0-9]+'), '')
regexp_extract(s, '/([a-z])/([a-z])', 2) :: nullif(regexp_extract(s, '/([a-z])/([a-z])', 2), '')
lower(s) | upper(s) :: upper(s) | trim(s) | ltrim(s) | rtrim(s) | trim(s, 'ac') | ltrim(s, 'a ') | rtrim(s, 'c0%') | length(s)
reverse('abc') | reverse(s) | repeat(s, 3) | repeat(p, j) | s || p | concat(s, p) | concat(s, i, f) | concat_ws('-', s, p, j)
substr(s, 2) | substr(s, 2, 3) | substr(s, j, 2) :: CASE WHEN j IS NULL THEN NULL WHEN j > 0 THEN substr(s, j, 2) ELSE substr(s, 1, greatest(j + 1, 0)) END
left(s, 2) | right(s, 2) | left(s, j) | right(s, j) | left(s, -1) | right(s, -1)
replace(s, 'a', 'bb') | replace(s, p, '-') | contains(s, p) | starts_with(s, p) | ends_with(s, p) | strpos(s, p)
split_part(s, ',', 2) | split_part(s, ',', -1) | split_part(s, p, 1) | lpad(s, 5, '*') | rpad(s, 5, 'xy') | lpad(s, 2, '0')
translate(s, 'abc', 'xy') | ascii(s) :: CASE WHEN s = '' THEN 0 ELSE unicode(s) END | chr(65 + abs(j)) :: chr((65 + abs(j))::INT)
levenshtein(s, p) | octet_length(s) :: octet_length(encode(s)) | md5(s) | sha256(s)
hex(s) :: lower(hex(s)) | to_hex(abs(j)) :: lower(to_hex(abs(j))) | url_encode(s) | url_decode(s)
abs(i) | abs(d) | abs(m) | sign(i) | sign(m) | ceil(m) | floor(m) | ceil(d) | floor(d) | round(d) | round(d, 2) | round(m, 1) | round(m)
trunc(d) | trunc(m) :: trunc(m) | round(i, -2) | sqrt(abs(j)) | exp(j) | ln(abs(j)) | log10(abs(j)) | log2(abs(j)) | power(j, 2) | power(d, 0.5)
sin(j) | cos(j) | tan(j) | atan(d) | atan2(d, e) | cbrt(d) | degrees(d) | radians(d) | pi() | asin(j / 10e0) | acos(j / 10e0)
sinh(j) | cosh(j) | tanh(d) | log(2, abs(j)) | isnan(d) | isinf(d) | isfinite(d)
mod(i, j) :: i % j | gcd(i, j) | lcm(j, 12) | factorial(j) :: factorial(j::INT)::BIGINT
i & j | i | j | bitxor(i, j) :: xor(i, j) | bitnot(i) :: ~i | bit_count(i) | shift_right(i, 3) :: i >> 3 | abs(j) << 4
CAST(i AS double) | CAST(i AS string) | CAST(m AS string) | CAST(m AS double) | CAST(w AS double) | CAST(f AS int) | CAST(f AS string)
CAST(j AS boolean) | CAST(j AS decimal(5,2)) | CAST(m AS decimal(12,1)) | CAST(w AS decimal(38,2)) | CAST(m AS decimal(5,2))
CAST(i AS decimal(20,1)) | CAST(s AS int) | CAST(s AS double) | CAST(s AS decimal(10,1)) | CAST(s AS boolean) | CAST(s AS timestamp)
CAST(d AS string) :: CAST(d AS string) | CAST(d AS decimal(12,2)) | CAST(CAST(t AS string) AS timestamp) :: t
date_trunc('second', t) | date_trunc('minute', t) | date_trunc('hour', t) | date_trunc('day', t) | date_trunc('week', t)
date_trunc('month', t) | date_trunc('quarter', t) | date_trunc('year', t) | date_trunc('decade', t) | date_trunc('century', t)
extract(year FROM t) | extract(quarter FROM t) | extract(month FROM t) | extract(week FROM t) | extract(day FROM t)
extract(doy FROM t) | extract(dow FROM t) | extract(isodow FROM t) | extract(hour FROM t) | extract(minute FROM t)
extract(second FROM t) | extract(decade FROM t) | extract(century FROM t) | extract(isoyear FROM t)
extract(epoch FROM t) :: (epoch_us(t) - ((epoch_us(t) % 1000000) + 1000000) % 1000000) // 1000000 | epoch_ms(t) | epoch_us(t)
year(t) | month(t) | day(t) | hour(t) | dayname(t) | monthname(t) | dayofyear(t) | weekofyear(t)
date_diff('day', t, u) | date_diff('hour', t, u) | date_diff('month', t, u) | date_diff('year', t, u) | date_diff('quarter', t, u) | date_diff('week', t, u)
date_diff('minute', t, u) | date_diff('second', t, u) | date_diff('decade', t, u)
timestampdiff(month, t, u) :: date_sub('month', t, u) | timestampdiff(year, t, u) :: date_sub('year', t, u)
timestampdiff(day, t, u) :: date_sub('day', t, u) | timestampdiff(hour, t, u) :: date_sub('hour', t, u) | timestampdiff(week, t, u) :: date_sub('week', t, u)
timestampadd(month, j, t) :: t + to_months(j::INT) | timestampadd(day, j, t) :: t + to_days(j::INT) | timestampadd(hour, i, t) :: t + to_hours(i)
t + INTERVAL '1 day' | t - INTERVAL '36 hours' | t + INTERVAL '5' MINUTE
date_bin('15 minutes', t) :: time_bucket(INTERVAL '15 minutes', t, TIMESTAMP '1970-01-01')
date_bin('1 hour', t, TIMESTAMP '1970-01-01 00:20:00') :: time_bucket(INTERVAL '1 hour', t, TIMESTAMP '1970-01-01 00:20:00')
strftime(t, '%Y/%m/%d %H:%M:%S') | strftime(t, '%j %a %b') | to_timestamp_ms(j) :: make_timestamp(j * 1000)
to_timestamp(s, '%Y-%m-%d') :: strptime(s, '%Y-%m-%d')
make_timestamp(2000 + j, 2, 28, 1, 2, 3.5)
t AT TIME ZONE 'Asia/Seoul' :: (t AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Seoul'
t AT TIME ZONE 'Europe/Berlin' :: (t AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin'
to_utc_timestamp(t, 'Europe/Berlin') :: (t AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'UTC'
day < day2 | day = day2 | day <= t | day IS NULL | day IN ('2016-02-29', '1970-01-01') | day + 1 | day - 2 | day - day2
day + INTERVAL '1 month' | day - INTERVAL '1 year' | day + gap | t + gap | t - gap | t - u :: t - u | t - day :: t - day::TIMESTAMP
gap + gap | gap * 2 | -gap | gap = INTERVAL '1 day' | gap > INTERVAL '1 day' | gap IS NOT NULL | gap / 2 :: gap / 2
extract(year FROM day) | extract(month FROM gap) | extract(day FROM gap) | extract(epoch FROM gap) :: floor(epoch(gap))::BIGINT
CAST(t AS date) | CAST(day AS timestamp) | CAST(day AS string) | CAST(s AS date) | last_day(day) | date_trunc('month', day)
date_diff('day', day, day2) | date_diff('month', day, day2) | date_diff('year', day, day2) | dayname(day) | strftime(day, '%Y%m%d')
make_date(2000 + j, 2, 28) :: make_date(2000 + j, 2, 28) | greatest(day, day2) :: CASE WHEN day IS NULL OR day2 IS NULL THEN NULL ELSE greatest(day, day2) END
l[1] | l[2] | l[-1] | l[j] | cardinality(l) :: len(l) | array_contains(l, 3) | array_contains(l, j) | array_position(l, 3) | element_at(l, 2) :: l[2]
CAST(l[2:3] AS string) :: to_json(l[2:3])::VARCHAR | CAST(array_sort(l) AS string) :: to_json(list_sort(l, 'ASC', 'NULLS FIRST'))::VARCHAR
CAST(array_reverse(l) AS string) :: to_json(list_reverse(l))::VARCHAR | CAST(array_append(l, j) AS string) :: to_json(list_append(l, j))::VARCHAR
CAST(array_concat(l, l) AS string) :: to_json(list_concat(l, l))::VARCHAR | array_min(l) :: list_min(l) | array_max(l) :: list_max(l) | array_join(l, '-') :: array_to_string(l, '-')
CAST([j, 7] AS string) :: CASE WHEN true THEN to_json([j, 7])::VARCHAR END | l = [1, 2, 3] | CAST(split(s, ',') AS string) :: to_json(string_split(s, ','))::VARCHAR
split(s, ',')[2] :: string_split(s, ',')[2] | CAST(split(s, '') AS string) :: to_json(string_split(s, ''))::VARCHAR
CAST(regexp_split(s, '[, ]+') AS string) :: to_json(string_split_regex(s, '[, ]+'))::VARCHAR
CAST(regexp_extract_all(s, '[a-z]') AS string) :: to_json(regexp_extract_all(s, '[a-z]'))::VARCHAR
x ->> 'a' | x ->> '$.b.c[1]' | x ->> '$.b.c[3].d' | x ->> 0 | x -> 'b' ->> 'c' | x ->> '$."a b"' | x ->> '$.b.c[2]' | x ->> '$.b.c[#-1].d'
CAST(x -> 'a' AS string) :: (x -> 'a')::VARCHAR | json_exists(x, '$.a')
json_array_length(x) :: CASE WHEN json_type(x) = 'ARRAY' THEN json_array_length(x)::BIGINT END | is_json(s) :: json_valid(s)
CAST(json_keys(x) AS string) :: CASE WHEN json_type(x) = 'OBJECT' THEN to_json(json_keys(x))::VARCHAR END
CAST(json_object('k', i, 's', s, 'f', f) AS string) :: json_object('k', i, 's', s, 'f', f)::VARCHAR
CAST(to_json(l) AS string) :: to_json(l)::VARCHAR | CAST(json_array(i, s, NULL) AS string) :: json_array(i, s, NULL)::VARCHAR
to_base64(s) :: base64(encode(s)) | from_utf8(from_base64(to_base64(s))) :: s | from_utf8(unhex(hex(s))) :: s
overlay(s, p, 2, 1) :: CASE WHEN s IS NULL OR p IS NULL THEN NULL ELSE substr(s, 1, 1) || p || substr(s, 3) END | format_bytes(abs(j) * 1000) :: CASE WHEN abs(j) < 2 THEN (abs(j) * 1000) || ' bytes' ELSE format_bytes(abs(j) * 1000) END
initcap(p) :: upper(p[1]) || lower(p[2:]) | jaro_winkler_similarity(s, p) | regexp_count(s, '[a-c]') :: len(regexp_extract_all(s, '[a-c]'))
regexp_instr(s, 'b') :: strpos(s, 'b') | regexp_escape(p) :: regexp_escape(p) | regexp_like(s, '^ABC$', 'i') :: regexp_matches(s, '^ABC$', 'i') | s ~* 'B.' :: regexp_matches(s, 'B.', 'i') | s !~ 'b' :: NOT regexp_matches(s, 'b')
regexp_replace(s, 'B', '#', 'i') :: regexp_replace(s, 'B', '#', 'gi') | div(i, j) :: i // j | cot(j) :: CASE WHEN j = 0 THEN NULL ELSE cot(j) END | e() :: exp(1) | hypot(j, 3) :: sqrt(j * j + 9)
bitand(i, j) :: i & j |  shift_left(abs(j), 5) :: abs(j) << 5 | i >> 2 :: i >> 2 | j << 1 :: CASE WHEN j < 0 THEN j * 2 ELSE j << 1 END | abs(m) | sign(d) | width_bucket(j, 0, 10, 5) :: CASE WHEN j < 0 THEN 0 WHEN j >= 10 THEN 6 ELSE j // 2 + 1 END
to_timestamp_s(j) :: make_timestamp(j * 1000000) | to_timestamp_us(j) :: make_timestamp(j) | date_part('hour', t) | date_part('doy', day) | extract(microsecond FROM t) :: extract(microsecond FROM t) % 1000000 | extract(millisecond FROM t) :: extract(millisecond FROM t) % 1000
quarter(t) | week(t) | minute(t) | second(t) | quarter(day) | week(day) | to_date(s) :: CASE WHEN regexp_matches(s, '^ *[0-9-]+ *$') THEN s::DATE END | to_date(s, '%Y-%m-%d') :: CASE WHEN length(s) = 10 THEN strptime(s, '%Y-%m-%d')::DATE END
at_timezone(t, 'America/New_York') :: (t AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York' | date_trunc('day', t, 'Asia/Seoul') :: (date_trunc('day', (t AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Seoul') AT TIME ZONE 'Asia/Seoul') AT TIME ZONE 'UTC'
CAST(slice(l, 2, 3) AS string) :: to_json(l[2:3])::VARCHAR | CAST(array_distinct(l) AS string) :: CASE WHEN l IS NOT NULL THEN to_json(list_filter(l, lambda x, n: list_position(l, x) = n OR (x IS NULL AND n = 2)))::VARCHAR END
CAST(array_remove(l, 1) AS string) :: to_json(list_filter(l, lambda x: x IS DISTINCT FROM 1))::VARCHAR | CAST(flatten([l, [j]]) AS string) :: to_json(flatten([l, [j]]))::VARCHAR | CAST(array_sort(l, 'desc') AS string) :: to_json(list_sort(l, 'DESC', 'NULLS LAST'))::VARCHAR
json_value(x, '$.a') :: CASE WHEN json_type(x, '$.a') NOT IN ('OBJECT', 'ARRAY') THEN x ->> '$.a' END | json_value(x, '$.b.c[0]') :: x ->> '$.b.c[0]' | CAST(json_extract(x, '$.b') AS string) :: json_extract(x, '$.b')::VARCHAR | json_extract_string(x, '$.b.c[1]') | json_get_text(x, 'a') :: x ->> 'a' | CAST(json_get(x, 'b') AS string) :: (x -> 'b')::VARCHAR
json_type(x) :: CASE json_type(x) WHEN 'VARCHAR' THEN 'string' WHEN 'UBIGINT' THEN 'number' WHEN 'BIGINT' THEN 'number' WHEN 'DOUBLE' THEN 'number' ELSE lower(json_type(x)) END | json_exists(x, '$.b.c')
from_utf8(to_utf8(s)) :: s | from_utf8(decode(hex(s), 'hex')) :: s | encode(s, 'base64') :: base64(encode(s)) | TRY_CAST(s AS int) :: CASE WHEN regexp_matches(s, '^[-0-9]+$') THEN TRY_CAST(s AS BIGINT) END | TRY_CAST(s AS date) :: CASE WHEN regexp_matches(s, '^[0-9-]+([T ].*)?$') THEN TRY_CAST(s[1:10] AS DATE) END
CAST(d AS int) :: CASE WHEN isfinite(d) THEN trunc(d)::BIGINT END | CAST(m AS int) :: trunc(m)::BIGINT | CAST(w AS int) :: trunc(w)::BIGINT | CAST(d AS decimal(20,3)) | CAST(i AS decimal(38,10)) | CAST(l AS string) :: to_json(l)::VARCHAR
NULLIF(d, 'NaN'::double) :: NULLIF(d, 'NaN'::DOUBLE) | d IN (e, 1.5) | COALESCE(t, u) | COALESCE(day, '2000-01-01') :: COALESCE(day, DATE '2000-01-01') | NULLIF(day, day2) | IF(i > j, s, p) :: CASE WHEN i > j THEN s ELSE p END | CASE s WHEN p THEN 1 ELSE 0 END | greatest(s, p) :: CASE WHEN s IS NULL OR p IS NULL THEN NULL ELSE greatest(s, p) END
f IS DISTINCT FROM g | d IS DISTINCT FROM e | m IS NOT DISTINCT FROM w | t IS DISTINCT FROM u | l IS DISTINCT FROM [1] | s BETWEEN p AND 'b' | d BETWEEN e AND 2 | f IN (g, true) | day BETWEEN day2 AND '2016-02-29' | l < [1, 2] | l >= [3] | f > g | gap < INTERVAL '25 hours' | gap * 2.5 :: gap * 2.5::DOUBLE | strftime(t + INTERVAL '1 month', '%Y-%m-%d')
url_extract_host(s) :: NULL | round(j, -1) | round(m, -1) | trunc(d, 2) :: CASE WHEN abs(d) < 1e15 THEN trunc(d * 100) / 100 ELSE d END
"""

# Where flott is to differ, by the rule that docs/expressions.md has under "Where flott differs".
DIFFERENCES = {
    "i % j": "the least int % -1 is 0, as in PostgreSQL",
    "mod(i, j)": "the least int % -1 is 0, as in PostgreSQL",
    "CASE WHEN j <> 0 THEN i % j END": "the least int % -1 is 0, as in PostgreSQL",
    "m * m": "decimals have 38 digits; DuckDB stays within 18 for decimals of at most 18",
    "regexp_replace(s, '(\\w+) (\\w+)', '$2 $1')": "\\w, \\d and \\s know all of Unicode",
    "upper(s)": "the upper case of a text may be longer: ß is SS",
    "initcap(p)": "the upper case of a text may be longer: ß is SS",
    "format_bytes(abs(j) * 1000)": "rounded, not cut",
    "jaro_winkler_similarity(s, p)": "two empty texts are alike",
    "regexp_escape(p)": "what means nothing is not escaped",
    "l < [1, 2]": "a null in a list is less than any value, as in order",
    "l >= [3]": "a null in a list is less than any value, as in order",
    "strftime(t + INTERVAL '1 month', '%Y-%m-%d')": "years that can be written so end with 9999",
    "split_part(s, p, 1)": "an empty separator separates nothing, as in PostgreSQL",
    "levenshtein(s, p)": "counts characters, not bytes",
    "ln(abs(j))": "a logarithm of 0 is an error, as in PostgreSQL",
    "log10(abs(j))": "a logarithm of 0 is an error, as in PostgreSQL",
    "log2(abs(j))": "a logarithm of 0 is an error, as in PostgreSQL",
    "log(2, abs(j))": "a logarithm of 0 is an error, as in PostgreSQL",
    "asin(j / 10e0)": "an error outside of -1 to 1, as in PostgreSQL",
    "acos(j / 10e0)": "an error outside of -1 to 1, as in PostgreSQL",
    "CAST(s AS int)": "'3.14' is no int, as in PostgreSQL",
    "CAST(d AS string)": "doubles as text: NaN and 1e300",
    "CAST(x -> 'a' AS string)": "parts of JSON stay as they were written",
    "array_join(l, '-')": "a list of nulls joins to the empty text, as in PostgreSQL",
    "CAST(split(s, '') AS string)": "the characters of the empty text are none",
    "epoch_ms(t)": "milliseconds before 1970 are rounded down, not toward 1970",
    "date_diff('week', t, u)": "weeks begin on Monday on both sides of 1970",
    "timestampdiff(month, t, u)": "whole months by adding them, also at the ends of short months",
}


# Of these others are made up. `{n}` is an int that never fails, `{i}` any, and so on: see MADE. What may fail stands where
# both systems evaluate it for the same rows, so not behind AND and OR.
MADE = {
    "n": ["j", "length({s})", "({n} + {n})", "({n} - {n})", "CASE WHEN {b} THEN {n} ELSE {n} END", "coalesce({n}, {n})",
          "strpos({s}, {s})", "extract(year FROM {t})", "extract(dow FROM {t})", "date_diff('day', {t}, {t})", "nullif({n}, {n})",
          "octet_length({s}) :: octet_length(encode({s}))", "cardinality({l}) :: len({l})", "(day - day2)", "extract(week FROM {y})",
          "date_diff('month', {t}, {t})", "sign({d})", "-7", "3", "0", "({n} & 255)", "extract(second FROM {t})"],
    "i": ["i", "{n}", "({i} + {i})", "({i} - {i})", "({i} * {i})", "({i} / {i}) :: ({i} // {i})", "(- {i})", "abs({i})", "coalesce({i}, {i})",
          "CASE WHEN {b} THEN {i} WHEN {b} THEN {i} END", "{l}[{n}]", "array_max({l}) :: list_max({l})", "9223372036854775807",
          "bitxor({i}, {i}) :: xor({i}, {i})", "CAST({b} AS int) :: ({b})::BIGINT", "array_position({l}, 3)", "nullif({i}, {n})"],
    "d": ["d", "e", "({d} + {d})", "({d} - {d})", "({d} * {d})", "abs({d})", "CAST({n} AS double) :: ({n})::DOUBLE", "sqrt(abs({n}))",
          "floor({d})", "ceil({d})", "trunc({d})", "CASE WHEN {b} THEN {d} ELSE {d} END", "coalesce({d}, {d})", "nullif({d}, {d})",
          "greatest({d}, {d}) :: CASE WHEN {d} IS NULL OR {d} IS NULL THEN NULL ELSE greatest({d}, {d}) END"],
    "m": ["m", "(m + {m})", "({m} - m)", "abs({m})", "(- {m})", "CASE WHEN {b} THEN m ELSE {m} END", "coalesce({m}, m)", "(m * {n})", "1.25", "w"],
    "b": ["f", "g", "({b} AND {b})", "({b} OR {b})", "(NOT {b})", "({n} < {n})", "({n} = {n})", "({n} <> {n})", "({d} <= {d})", "({d} = {d})",
          "({d} IS NOT DISTINCT FROM {d})", "({s} < {s})", "({s} = {s})", "({t} >= {t})", "({t} < {t})", "({y} > {y})", "({b} IS TRUE)",
          "({b} IS NOT FALSE)", "({s} IS NULL)", "({n} IS NOT NULL)", "({n} IN (1, 3, {n}, NULL))", "({n} NOT IN (0, {n}))", "({n} BETWEEN {n} AND {n})",
          "({s} LIKE '%a%')", "({s} NOT LIKE '_b%')", "({s} ILIKE 'A%')", "contains({s}, {s})", "starts_with({s}, {s})", "({s} IN ('a', '', {s}))",
          "array_contains({l}, {n})", "({b} IS DISTINCT FROM {b})", "CASE WHEN {b} THEN {b} ELSE {b} END", "({m} < {m})", "({m} = {m})", "isnan({d})",
          "({l} = {l})", "(i > {n})", "(i IS DISTINCT FROM j)", "({y} IN (DATE '2016-02-29', {y}))"],
    "s": ["s", "p", "lower({s})", "({s} || {s})", "concat({s}, {s})", "replace({s}, 'a', 'bb')", "replace({s}, {s}, '-')", "left({s}, 3)", "right({s}, 2)",
          "substr({s}, 2, 3)", "trim({s})", "ltrim({s}, 'a ')", "reverse({s})", "CAST({n} AS string) :: ({n})::VARCHAR", "CASE WHEN {b} THEN {s} ELSE {s} END",
          "coalesce({s}, {s})", "nullif({s}, {s})", "md5({s})", "lpad({s}, 5, '*')", "split_part({s}, ',', 2)", "concat_ws('-', {s}, {s}, {s})", "''", "'ä,b'",
          "translate({s}, 'abc', 'xy')", "dayname({t})", "hex({s}) :: lower(hex({s}))", "regexp_replace({s}, '[a-c]+', '_') :: regexp_replace({s}, '[a-c]+', '_', 'g')",
          "array_join({l}, ',') :: array_to_string(list_filter({l}, lambda x: x IS NOT NULL), ',')", "strftime(t, '%Y-%m-%d')"],
    "t": ["t", "u", "date_trunc('hour', {t})", "date_trunc('month', {t}) :: date_trunc('month', {t})::TIMESTAMP", "date_trunc('week', {t}) :: date_trunc('week', {t})::TIMESTAMP",
          "(t + INTERVAL '1 month')", "(u - INTERVAL '36 hours')", "(t + gap)", "CASE WHEN {b} THEN {t} ELSE {t} END", "coalesce({t}, {t})", "nullif({t}, {t})",
          "CAST({y} AS timestamp) :: ({y})::TIMESTAMP", "TIMESTAMP '2016-02-29 12:00:00'"],
    "y": ["day", "day2", "({y} + 1)", "({y} - 31)", "last_day({y})", "CAST({t} AS date) :: ({t})::DATE", "CASE WHEN {b} THEN {y} ELSE {y} END", "coalesce({y}, {y})"],
    "l": ["l", "array_sort(l) :: list_sort(l, 'ASC', 'NULLS FIRST')", "array_reverse({l}) :: list_reverse({l})", "l[2:3]", "array_append({l}, {n}) :: list_append({l}, {n})",
          "array_concat({l}, {l}) :: list_concat({l}, {l})", "[{n}, j] :: [({n})::BIGINT, j]", "coalesce({l}, l)"],
}


def make_up(rng, kind, depth):
    """An expression of a kind as flott and DuckDB write it."""
    choices = [text for text in MADE[kind] if depth > 0 or "{" not in text]
    ours, _, theirs = rng.choice(choices).partition(" :: ")
    # What stands in several places of a pair is the same in all.
    marks = sorted(set(re.findall(r"{(\w)}", ours)))
    parts = {}
    for mark in marks:
        parts[mark] = [make_up(rng, mark, depth - 1) for _ in range(ours.count("{" + mark + "}"))]

    def filled(text, side):
        for mark in marks:
            count = len(parts[mark])
            text = text.replace("{" + mark + "}", "\0")
            pieces = text.split("\0")
            text = pieces[0]
            for n, piece in enumerate(pieces[1:]):
                text += parts[mark][n % count][side] + piece
        return text

    return filled(ours, 0), filled(theirs or ours, 1)


def made_up():
    rng = random.Random(int(os.environ.get("FLOTT_SQL_SEED", "1")))
    found = {}
    while len(found) < int(os.environ.get("FLOTT_SQL_COUNT", "400")):
        ours, theirs = make_up(rng, rng.choice("iidmbbbssty"), rng.randrange(1, 5))
        if len(ours) < 600 and "{" not in ours:
            found[ours] = theirs
    return list(found.items())


def expressions():
    found = []
    for line in EXPRESSIONS.strip().splitlines():
        # ` | ` parts expressions; the operator `|` of ints is written here in one expression of its own.
        line = line.replace("i | j |", "bitor(i, j) :: i | j |".replace("|", "\0", 1).replace("i | j", "i \0 j"))
        for item in line.split(" | "):
            item = item.replace("\0", "|").strip()
            ours, _, theirs = item.partition(" :: ")
            found.append((ours.strip(), (theirs or ours).strip()))
    return found + made_up()


def rows():
    """Every pair of values of neighbouring columns once, and all values of each."""
    count = max(len(values) for _, _, values in COLUMNS.values())
    names = list(COLUMNS)
    table = []
    steps = [1, 2, 3, 5, 7, 11, 13]
    for shift, step in enumerate(steps):
        for row in range(max(count, 30)):
            table.append([COLUMNS[name][2][(row * (1 if k % 2 else step) + shift * k) % len(COLUMNS[name][2])]
                          for k, name in enumerate(names)])
    return table


def write_csv(path, table):
    """Null is an empty field, the empty text is quoted."""
    def cell(value):
        if value is None:
            return ""
        text = str(value)
        plain = text and not any(c in text for c in ',"\n\r') and text == text.strip()
        return text if plain else '"' + text.replace('"', '""') + '"'
    with open(path, "w", newline="") as file:
        file.write(",".join(["n", *COLUMNS]) + "\n")
        for n, row in enumerate(table):
            file.write(",".join([str(n), *map(cell, row)]) + "\n")


def toml_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def job(items):
    schema = ", ".join(f'{name} = "{ours}"' for name, (ours, _, _) in COLUMNS.items())
    select = ",\n    ".join(toml_text(f"TRY({ours}) AS c{k}") for k, (ours, _) in items)
    return f"""
[sources.values]
type = "file"
path = "values.csv"
schema = {{ n = "int", {schema} }}

[transforms.all]
type = "select"
input = "values"
select = ["n", {select}]

[sinks.out]
type = "file"
input = "all"
path = "out.csv"
"""


def run_flott(folder, items):
    """The values of each expression as text; those that flott refuses with what it says."""
    refused = {}
    while True:
        with open(f"{folder}/job.toml", "w") as file:
            file.write(job(items))
        environment = dict(os.environ, FLOTT_STATE_DIR=f"{folder}/state", NO_COLOR="1")
        done = subprocess.run([flott, "run", "job.toml", "-q", "-p", "1"], cwd=folder, env=environment,
                              capture_output=True, text=True)
        if done.returncode == 0:
            break
        bad = {k for k, (ours, _) in items if f"AS c{k}\"" in done.stderr}
        if not bad:
            sys.exit(done.stderr)
        for k, (ours, _) in items:
            if k in bad:
                lines = [line for line in done.stderr.splitlines() if line.startswith("error")]
                refused[k] = f"{ours}: refused: {lines[0] if len(bad) == 1 else ''}"
        if len(bad) > 1:
            for line in done.stderr.splitlines():
                if line.startswith("error") or "AS c" in line:
                    print("   ", line)
        items = [item for item in items if item[0] not in bad]
    with open(f"{folder}/out.csv", newline="") as file:
        records = list(read_csv(file.read()))
    header, body = records[0], records[1:]
    return refused, {name: [row[i] for row in body] for i, name in enumerate(header)}


def read_csv(text):
    """Fields as text, None for an empty one without quotes, which the csv module does not tell."""
    row, field, quoted, at = [], [], False, 0
    while at < len(text):
        c = text[at]
        if c == '"' and not field and not quoted:
            quoted, at = True, at + 1
            while True:
                end = text.index('"', at)
                field.append(text[at:end])
                at = end + 1
                if text[at:at + 1] != '"':
                    break
                field.append('"')
                at += 1
            continue
        if c in ",\n":
            row.append("".join(field) if quoted or field else None)
            field, quoted = [], False
            if c == "\n":
                yield row
                row = []
        else:
            field.append(c)
        at += 1


def run_duckdb(table, items):
    db = duckdb.connect()
    db.sql("SET TimeZone = 'UTC'")
    columns = ", ".join(f'"{name}" {theirs}' for name, (_, theirs, _) in COLUMNS.items())
    db.execute(f"CREATE TABLE v (n BIGINT, {columns})")
    marks = ", ".join("?" for _ in range(len(COLUMNS) + 1))
    db.executemany(f"INSERT INTO v VALUES ({marks})",
                   [[n] + [None if v is None else str(v) for v in row] for n, row in enumerate(table)])
    found, refused = {}, {}
    for k, (_, theirs) in items:
        try:
            found[k] = [r[0] for r in db.execute(f"SELECT TRY({theirs}) FROM v ORDER BY n").fetchall()]
        except duckdb.Error as error:
            # TRY does not catch everything: row by row then.
            values, first = [], str(error)
            try:
                for n in range(len(table)):
                    try:
                        values.append(db.execute(f"SELECT {theirs} FROM v WHERE n = {n}").fetchone()[0])
                    except (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException):
                        values.append(None)
                found[k] = values
            except duckdb.Error:
                refused[k] = first
    return found, refused


def moment(text):
    """Year, month, day and the rest of the second: Python has no years before 1 and after 9999."""
    found = re.fullmatch(r"([+-]?\d+)-(\d\d)-(\d\d)( \(BC\))?(?:[T ](\d\d:\d\d:\d\d)(\.\d+)?Z?)?", text)
    if not found:
        return None
    year, month, day, bc, clock, fraction = found.groups()
    year = 1 - int(year) if bc else int(year)
    return year, month, day, clock or "00:00:00", (fraction or "").rstrip("0").rstrip(".")


def span(text):
    """An interval as DuckDB gives it to Python: months have 30 days there, years 365."""
    units = {"y": 360 * 86400, "mo": 30 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(-?[\d.]+)(mo|[ydhms])", text)
    return datetime.timedelta(microseconds=sum(round(Decimal(n) * 1000000) * units[u] for n, u in parts))


def same(text, value):
    """Whether flott's text is DuckDB's value."""
    if text is None or value is None:
        return text is None and value is None
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, int):
        return text == str(value) or (text.endswith(".0") and text[:-2] == str(value))
    if isinstance(value, float):
        try:
            got = float(text)
        except ValueError:
            return False
        return got == value or math.isnan(got) and math.isnan(value) or math.isclose(got, value, rel_tol=1e-13)
    if isinstance(value, Decimal):
        try:
            return Decimal(text) == value
        except ArithmeticError:
            return False
    if isinstance(value, datetime.timedelta):
        return span(text) == value
    if hasattr(value, "isoformat"):
        return moment(text) == moment(value.isoformat())
    if moment(text) is not None and moment(str(value)) is not None:
        return moment(text) == moment(str(value))
    return text == str(value)


def main():
    items = [(k, pair) for k, pair in enumerate(expressions()) if ONLY is None or ONLY in pair[0]]
    table = rows()
    wrong = pairs = 0
    with tempfile.TemporaryDirectory() as folder:
        write_csv(f"{folder}/values.csv", table)
        theirs, missing = run_duckdb(table, items)
        refused, ours = run_flott(folder, items)
    order = sorted(range(len(table)), key=lambda row: int(ours["n"][row])) if "n" in ours else range(len(table))
    for k, (text, other) in items:
        if k in refused or k in missing:
            wrong += 1
            print(f"FAILED {text}: {refused.get(k) or 'DuckDB: ' + missing[k]}")
            continue
        bad = []
        for row in order:
            pairs += 1
            if not same(ours[f"c{k}"][row], theirs[k][row]):
                bad.append((row, ours[f"c{k}"][row], theirs[k][row]))
        if text in DIFFERENCES:
            if not bad:
                wrong += 1
                print(f"FAILED {text}: it is to differ ({DIFFERENCES[text]}), and does not")
            continue
        if bad:
            wrong += 1
            row, got, expected = bad[0]
            used = {name: table[row][i] for i, name in enumerate(COLUMNS) if name in tokens(text)}
            print(f"FAILED {text} with {used}: flott {got!r}, DuckDB {expected!r} ({other}); {len(bad)} of {len(table)} rows")
    if wrong:
        sys.exit(f"{wrong} of {len(items)} expressions differ")
    print(f"ok  {len(items)} expressions, {pairs} values as DuckDB {duckdb.__version__} has them; "
          f"{len(DIFFERENCES)} differ as they are to")


def tokens(text):
    return set(re.findall(r"[A-Za-z_]+", text))


main()
