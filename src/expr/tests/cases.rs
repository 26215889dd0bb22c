//! One line a case: expression, row, result.

use super::*;

#[test]
fn values() {
    let cases = r#"
        1 + 2 * 3 | | 7
        (1 + 2) * 3 | | 9
        -a | a=5 | -5
        - -a | a=5 | 5
        10 - 3 - 2 | | 5
        7 / 2 | | 3
        -7 / 2 | | -3
        -7 % 3 | | -1
        a / b | a=1 b=0 | error: division by zero
        a % b | a=1 b=0 | error: division by zero
        a / b | a=1 | NULL
        d / 0 | d=1 | error: division by zero
        m / 0 | m=1 | error: division by zero
        a + 1 | a=9223372036854775807 | error: the result is too large for int: 9223372036854775807 + 1
        a * 2 | a=9223372036854775807 | error: the result is too large for int: 9223372036854775807 * 2
        -9223372036854775808 | | -9223372036854775808
        -a | a=-9223372036854775808 | error: the result is too large for int: 0 - -9223372036854775808
        0.908 * 2 | | 1.816
        a * 0.908 | a=100 | 90.800
        m + 1 | m=1.5 | 2.50
        m - 0.001 | m=1.5 | 1.499
        m * m | m=1.5 | 2.2500
        m / 3 | m=1 | 0.333333
        -m / 3 | m=2 | -0.666667
        m % 0.7 | m=1.5 | 0.10
        1.0 / 3 | | 0.333333
        1e3 | | 1000.0
        1e0 / 3 | | 0.3333333333333333
        a + d | a=1 d=0.5 | 1.5
        m + d | m=1.5 d=0.5 | 2.0
        m > 500 | m=500.01 | true
        m > 500 | m=500 | false
        500 < m | m=500.01 | true
        m = 1.500 | m=1.5 | true
        m > 0.001 | m=0.01 | true
        a > 0.5 | a=1 | true
        a = d | a=1 d=1 | true
        a <> 1 | a=1 | false
        a != 1 | a=2 | true
        a <= 1 AND a >= 1 | a=1 | true
        s = 'x' | s=x | true
        s = 'a longer text than twelve' | s=a_longer_text_than_twelve | true
        s = 'a longer text than twelvX' | s=a_longer_text_than_twelve | false
        s < 'b' | s=a | true
        s < 'B' | s=a | false
        s || '-' || s | s=x | x-x
        s || NULL | s=x | NULL
        'it''s' | | it's
        t = '2015-05-17 10:05:00' | t=2015-05-17T10:05:00Z | true
        '2015-05-17' < t | t=2015-05-17T10:05:00Z | true
        t BETWEEN '2015-05-17' AND '2015-05-18' | t=2015-05-17T10:05:00Z | true
        t IN ('2015-05-17', '2015-05-18') | t=2015-05-17 | true
        t + INTERVAL '5' MINUTE | t=2015-05-17T10:05:00Z | 2015-05-17T10:10:00Z
        t - INTERVAL '1 hour 30 minutes' | t=2015-05-17T10:05:00Z | 2015-05-17T08:35:00Z
        INTERVAL '1d' + t | t=2015-05-17T10:05:00Z | 2015-05-18T10:05:00Z
        TIMESTAMP '2020-01-01 00:00:00' | | 2020-01-01T00:00:00Z
        f AND NULL | f=false | false
        f AND NULL | f=true | NULL
        f OR NULL | f=true | true
        f OR NULL | f=false | NULL
        NOT f | f=true | false
        NOT f | | NULL
        NOT a = 1 | a=2 | true
        a IS NULL | | true
        a IS NOT NULL | | false
        f IS TRUE | | false
        f IS NOT TRUE | | true
        f IS FALSE | f=false | true
        a IS DISTINCT FROM b | a=1 | true
        a IS DISTINCT FROM b | | false
        a IS NOT DISTINCT FROM b | a=1 b=1 | true
        a IS NOT DISTINCT FROM NULL | a=1 | false
        NULL IS NULL | | true
        a = NULL | a=1 | NULL
        a IN (1, 2) | a=2 | true
        a IN (1, NULL) | a=2 | NULL
        a IN (1, NULL) | a=1 | true
        a NOT IN (1, 2) | a=3 | true
        a NOT IN (1, NULL) | a=3 | NULL
        a NOT IN (1, 2) | | NULL
        a IN (b, 5) | a=1 b=1 | true
        a IN (1,2,3,4,5,6,7,8,9) | a=9 | true
        s IN ('1','2','3','4','5','6','7','8','9') | s=9 | true
        m IN (1, 1.5) | m=1.5 | true
        a BETWEEN 1 AND 3 | a=3 | true
        a NOT BETWEEN 1 AND 3 | a=3 | false
        s LIKE 'ab%' | s=abc | true
        s LIKE '%bc' | s=abc | true
        s LIKE '%b%' | s=abc | true
        s LIKE 'abc' | s=abc | true
        s LIKE 'a_c' | s=abc | true
        s LIKE '_' | s=ä | true
        s LIKE 'a%c' | s=abbc | true
        s LIKE 'a%c' | s=abbd | false
        s NOT LIKE 'a%' | s=abc | false
        s LIKE 'a!%' ESCAPE '!' | s=a% | true
        s LIKE 'a!%' ESCAPE '!' | s=ab | false
        s LIKE 'a%' | | NULL
        s ILIKE 'AB%' | s=abc | true
        s ~ '^a.c$' | s=abc | true
        s !~ '^a.c$' | s=abc | false
        s ~* 'ABC' | s=abc | true
        CASE WHEN a > 1 THEN 'big' ELSE 'small' END | a=2 | big
        CASE WHEN a > 1 THEN 'big' ELSE 'small' END | | small
        CASE WHEN a > 1 THEN 'big' END | a=1 | NULL
        CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' END | a=2 | two
        CASE WHEN a > 1 THEN 1 ELSE 2.5 END | a=2 | 1.0
        CASE WHEN a = 1 THEN NULL ELSE f END | a=2 f=true | true
        CASE WHEN b <> 0 THEN a / b END | a=4 b=0 | NULL
        CASE WHEN b <> 0 THEN a / b END | a=4 b=2 | 2
        CASE WHEN b <> 0 THEN a / b END | a=4 b=2 | 2
        CASE WHEN a = 4 THEN 0 WHEN a / b > 1 THEN 1 END | a=4 b=0 | 0
        CASE WHEN b <> 0 THEN 1 ELSE 1 / 0 END | b=1 | 1
        CASE WHEN b <> 0 THEN 1 ELSE 1 / 0 END | b=0 | error: division by zero
        b <> 0 AND a / b > 2 | a=4 b=0 | false
        b <> 0 AND a / b > 2 | a=4 b=1 | true
        b = 0 OR a / b > 2 | a=4 b=0 | true
        a / b > 2 AND b <> 0 | a=4 b=0 | error: division by zero
        COALESCE(a, 1 / b) | a=1 b=0 | 1
        COALESCE(a, 1 / b) | b=0 | error: division by zero
        COALESCE(a, b, 7) | | 7
        COALESCE(NULL, s) | s=x | x
        NULLIF(a, 1) | a=1 | NULL
        NULLIF(a, 1) | a=2 | 2
        IF(a > 1, 'x', 'y') | a=2 | x
        GREATEST(a, b, 3) | a=1 b=2 | 3
        GREATEST(a, b, 3) | a=1 | NULL
        LEAST(a, 2.5) | a=3 | 2.5
        TRY(a / b) | a=1 b=0 | NULL
        TRY(a / b) | a=4 b=2 | 2
        TRY(CAST(s AS int)) | s=x | NULL
        TRY(1 / 0) | | NULL
        CAST(s AS int) | s=_12_ | 12
        CAST(s AS int) | s=x | error: 'x' is not an int
        TRY_CAST(s AS int) | s=x | NULL
        s::int + 1 | s=12 | 13
        CAST(d AS int) | d=-1.9 | -1
        CAST(d AS int) | d=1e300 | error: 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 does not fit int
        CAST(m AS int) | m=1.99 | 1
        CAST(m AS decimal(12,1)) | m=1.25 | 1.3
        CAST(m AS decimal(3,2)) | m=12.25 | error: 12.25 does not fit decimal(3,2)
        CAST(m AS double) | m=1.25 | 1.25
        CAST(a AS decimal(5,2)) | a=12 | 12.00
        CAST(a AS string) | a=12 | 12
        CAST(m AS varchar) | m=1.5 | 1.50
        CAST(f AS int) | f=true | 1
        CAST(a AS bool) | a=2 | true
        CAST('1.239' AS decimal(4,2)) | | 1.24
        CAST(t AS string) | t=2015-05-17T10:05:00.5Z | 2015-05-17T10:05:00.500Z
        CAST(s AS timestamp) | s=2015-05-17 | 2015-05-17T00:00:00Z
        CAST(NULL AS int) | | NULL
        NULL | | NULL
        "x y" + `x y` | | NULL
        substring('abcdef' FROM 2 FOR 3) | | bcd
        substr('abc', 0, 2) | | a
        position('c' IN 'abc') | | 3
        left('äbc', 2) | | äb
        right('äbc', 2) | | bc
        left('abc', -1) | | ab
        lower(s) | | NULL
        concat(s, a, m) | s=x a=1 m=2 | x12.00
        lpad(s, 2, '0') | s=123 | 12
        split_part(s, ',', -1) | s=a,b | b
        split_part(s, ',', 9) | s=a,b |
        round(m, 1) | m=2.25 | 2.3
        round(d) | d=2.5 | 3.0
        round(-2.5) | | -3
        ceil(m) | m=2.01 | 3
        abs(a) | a=-9223372036854775808 | error: abs of -9223372036854775808 is too large for int
        regexp_extract(s, 'z') | s=abc | NULL
        date_trunc('month', t) | t=2015-05-17 | 2015-05-01T00:00:00Z
        date_trunc('quarter', t) | t=2015-05-17 | 2015-04-01T00:00:00Z
        date_trunc('week', t) | t=2015-05-17 | 2015-05-11T00:00:00Z
        date_trunc('day', t) | t=1969-12-31T23:00:00Z | 1969-12-31T00:00:00Z
        extract(dow FROM t) | t=2015-05-17 | 0
        extract(week FROM t) | t=2016-01-01 | 53
        extract(doy FROM t) | t=2016-12-31 | 366
        to_timestamp('2015-05-17', '%Y-%m-%d') | | 2015-05-17T00:00:00Z
        to_timestamp_ms(a) | a=9223372036854775807 | error: 9223372036854775807 is too large for a timestamp
        a -- a comment | a=1 | 1
        a & (6 << 1) = 8 | a=8 | true
        TRIM(s) | s=_x_ | x
        TRIM(BOTH 'x' FROM s) | s=xyx | y
        TRIM(LEADING FROM s) || '.' | s=_x_ | x .
        TRIM(TRAILING 'x' FROM s) | s=xyx | xy
        trim('x' FROM s) | s=xyx | y
        overlay(s PLACING '__' FROM 2 FOR 1) | s=abc | a__c
        s -> 'a' ->> 'b' | s={"a":{"b":"x\u00e4"}} | xä
        s ->> '$.a.b' | s={"a":{"b":1.50}} | 1.50
        (s ->> 'n')::int + 1 | s={"n":4} | 5
        s ->> s | s={} | NULL
        s -> a | s=[1,2] a=-1 | 2
        json_value(s, '$.a') | s={"a":[1]} | NULL
        json_value(s, '$.a') | s={"a":1 | NULL
        json_exists(s, '$.a') | s={"a":null} | true
        json_exists(s, '$.b') | s={"a":null} | false
        t AT TIME ZONE 'Asia/Seoul' | t=2015-05-17T22:00:00Z | 2015-05-18T07:00:00Z
        extract(hour FROM t AT TIME ZONE 'America/New_York') | t=2015-07-01T12:00:00Z | 8
        to_utc_timestamp(t, 'Europe/Berlin') | t=2015-03-29T02:30:00Z | 2015-03-29T01:30:00Z
        to_utc_timestamp(t, 'Europe/Berlin') | t=2015-10-25T02:30:00Z | 2015-10-25T00:30:00Z
        date_trunc('day', t, 'Asia/Seoul') | t=2015-05-17T16:00:00Z | 2015-05-17T15:00:00Z
        strftime(t, '%H:%M', 'Asia/Seoul') | t=2015-05-17T16:00:00Z | 01:00
        to_timestamp('2015-05-17 10:00', '%Y-%m-%d %H:%M', 'Asia/Seoul') | | 2015-05-17T01:00:00Z
        timestampdiff(month, t, '2020-02-29') | t=2020-01-31 | 1
        timestampdiff(month, t, '2020-01-31') | t=2020-02-29 | 0
        timestampdiff(day, t, '2020-01-31') | t=2020-02-01T12:00:00Z | -1
        date_diff('week', t, '2020-01-06') | t=2020-01-05 | 1
        timestampadd(year, -1, t) | t=2020-02-29 | 2019-02-28T00:00:00Z
        timestampadd(year, a, t) | t=2020-02-29 a=9223372036854775807 | error: 9223372036854775807 units later is too far away for a timestamp
        year(t) | t=-000001-03-01T00:00:00Z | -1
        monthname(t) | t=1969-12-31 | December
        round(a, -2) | a=1250 | 1300
        round(a, -19) | a=9223372036854775807 | error: 9223372036854775807 is too large for int when rounded
        round(m, -2) | m=1250.00 | 1300
        round(m, -5) | m=1250.00 | 0
        trunc(d, 30) | d=1.5 | 1.5
        div(a, b) | a=-9223372036854775808 b=-1 | error: the result is too large for int: -9223372036854775808 / -1
        gcd(a, 0) | a=-4 | 4
        url_decode(s) | s=%ff | error: '%ff' is not the encoding of a text
        regexp_replace(s, 'A', 'x', 'gi') | s=aA | xx
        chr(a) | a=55296 | error: there is no character 55296
        width_bucket(d, 0, 1, 4) | d=1.0 | 5
        DATE '2015-05-17' | | 2015-05-17
        day + 1 | day=2015-12-31 | 2016-01-01
        1 + day | day=2015-12-31 | 2016-01-01
        day - 1 | day=2016-01-01 | 2015-12-31
        day - DATE '2015-01-01' | day=2015-12-31 | 364
        day - '2015-01-01' | day=2015-12-31 | 364
        day + INTERVAL '1 month' | day=2015-01-31 | 2015-02-28T00:00:00Z
        day < t | day=2015-01-31 t=2015-01-31T00:00:01Z | true
        day = '2015-01-31' | day=2015-01-31 | true
        day IN ('2015-01-31', '2015-02-01') | day=2015-01-31 | true
        t - day | day=2015-01-31 t=2015-02-01T10:30:00Z | 1d 10h 30m
        t - t | t=2015-02-01T10:30:00Z | 0s
        t - TIMESTAMP '2015-02-01 12:00:00' | t=2015-01-31T10:30:00Z | -1d -1h -30m
        t + gap | t=2016-01-31T00:00:00Z gap=1mo_1d | 2016-03-01T00:00:00Z
        t - gap | t=2016-03-31T00:00:00Z gap=1mo | 2016-02-29T00:00:00Z
        gap + t | t=2016-01-31T00:00:00Z gap=1h | 2016-01-31T01:00:00Z
        t - INTERVAL 1 YEAR | t=2016-02-29T00:00:00Z | 2015-02-28T00:00:00Z
        t + INTERVAL '9999999 years' | t=2016-02-29T00:00:00Z | error: the result is too large for timestamp
        INTERVAL '1 day' | | 1d
        gap * 2 | gap=1mo_3h | 2mo 6h
        0.5 * gap | gap=1mo_1d | 15d 12h
        gap / 3 | gap=1d | 8h
        gap / 0 | gap=1d | error: division by zero, or the result is too large
        -gap | gap=1mo_3h | -1mo -3h
        gap + gap | gap=1mo_3h | 2mo 6h
        gap > '59 minutes' | gap=1h | true
        gap = INTERVAL '60 minutes' | gap=1h | true
        extract(epoch FROM gap) | gap=1d_1h | 90000
        extract(hour FROM gap) | gap=1d_25h | 25
        extract(epoch FROM t - '2015-02-01') | t=2015-02-01T00:01:00Z | 60
        extract(year FROM day) | day=2015-12-31 | 2015
        date_trunc('month', day) | day=2015-12-31 | 2015-12-01T00:00:00Z
        date_bin(INTERVAL '1 day', t) | t=2015-02-01T10:30:00Z | 2015-02-01T00:00:00Z
        CAST(t AS date) | t=1969-12-31T23:00:00Z | 1969-12-31
        date(t) | t=1969-12-31T23:00:00Z | 1969-12-31
        to_date(s) | s=2015-05-17 | 2015-05-17
        to_date(s) | s=x | error: 'x' is not a date such as 2015-05-17
        last_day(t) | t=2016-02-01T10:30:00Z | 2016-02-29
        make_date(a, 2, 29) | a=2015 | error: there is no date 2015-2-29
        COALESCE(day, '2020-01-01') | | 2020-01-01
        CASE WHEN f THEN day END | f=true day=2015-12-31 | 2015-12-31
        strftime(t, '%Y') | t=9999-12-31T23:59:59Z | 9999
        strftime(t, '%d', 'Europe/Berlin') | t=9999-12-31T22:59:59Z | 31
        j -> 'a' | j={"a":{"b":[1,2]}} | {"b":[1,2]}
        j -> 'a' -> 'b' ->> -1 | j={"a":{"b":[1,2]}} | 2
        (j ->> 'n')::decimal(5,2) * 2 | j={"n":1.25} | 2.50
        CAST(j -> 'n' AS int) | j={"n":4} | 4
        CAST(j -> 'n' AS int[]) | j={"n":[1,null]} | [1,null]
        json_keys(j) | j={"b":1,"a":2} | ["b","a"]
        json_type(j, '$.b') | j={"b":1.5,"a":2} | number
        CAST(s AS json) | s=[1,2] | [1,2]
        TRY_CAST(s AS json) -> 0 | s=[1, | NULL
        to_json(l) | l=[1,null] | [1,null]
        to_json(t) | t=2015-02-01T10:30:00Z | "2015-02-01T10:30:00Z"
        json_object('a', a, 'b', s, 'c', j) | a=1 s=x" j=[1] | {"a":1,"b":"x\"","c":[1]}
        json_array(a, NULL, m) | a=1 m=1.5 | [1,null,1.50]
        json_array() | | []
        l[1] | l=[7,8] | 7
        l[-1] | l=[7,8] | 8
        l[0] | l=[7,8] | NULL
        l[3] | l=[7,8] | NULL
        l[a] + 1 | l=[7,8] a=2 | 9
        l[2:] | l=[7,8,9] | [8,9]
        l[:2] | l=[7,8,9] | [7,8]
        l[-2:-1] | l=[7,8,9] | [8,9]
        l[3:2] | l=[7,8,9] | []
        cardinality(l) | l=[] | 0
        cardinality(l) | | NULL
        [a, b, 3] | a=1 | [1,null,3]
        ARRAY[1, 2.5] | | [1.0,2.5]
        ['a', NULL] | | ["a",null]
        [] | | []
        [[1], [2, 3]][2][1] | | 2
        array_contains(l, a) | l=[1,2] a=2 | true
        array_contains(l, NULL) | l=[1,2] | NULL
        array_position(l, 9) | l=[1,2] | NULL
        array_append(l, 3) | l=[1,2] | [1,2,3]
        array_append(l, NULL) | | [null]
        array_concat(l, [3], l) | l=[1] | [1,3,1]
        array_sort(l) | l=[3,null,1] | [null,1,3]
        array_distinct(l) | l=[3,3,null,null] | [3,null]
        array_max(l) | l=[3,null,10] | 10
        array_max(l) | l=[] | NULL
        array_join(l, ',', '?') | l=[null,1] | ?,1
        array_join(split(s, ''), '.') | s=aäb | a.ä.b
        split(s, ',')[2] | s=a,b | b
        regexp_extract_all(s, '[a-z]') | s=a1b | ["a","b"]
        l = [1, 2] | l=[1,2] | true
        CAST(l AS double[]) | l=[1] | [1.0]
        CAST(s AS list<list<int>>) | s=[[1],[]] | [[1],[]]
        r.x + 1 | r={"x":4,"y":"z"} | 5
        r.y | | NULL
        r.y | r={"x":1} | NULL
        struct(a, s AS name).name | a=1 s=q | q
        row(a, l[1] AS first) | a=1 l=[5] | {"a":1,"first":5}
        CAST('{"x": 1, "w": 2}' AS struct<w double, x: int>) | | {"w":2.0,"x":1}
        COALESCE(l, [0]) | | [0]
        CASE WHEN f THEN r END IS NULL | f=true r={"x":1} | false
        z = from_base64('YWJj') | z=YWJj | true
        from_utf8(z) | z=YWJj | abc
        hex(z) | z=YWJj | 616263
        md5(z) = md5('abc') | z=YWJj | true
        from_utf8(unhex('ff')) | | error: the bytes are no UTF-8
        unhex('123') | | error: '123' is not hex
        CAST(s AS date) | s=2015-05-17T10:05:00Z | 2015-05-17
        a << b | a=1 b=64 | error: a shift by 64 places: 0 to 63 are possible
        a /* and */ + 1 | a=1 | 2
    "#;
    let mut wrong = Vec::new();
    for line in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (rest, expected) = line.rsplit_once('|').unwrap();
        let (text, row) = rest.rsplit_once('|').unwrap();
        let found = eval(text.trim(), row.trim());
        if found != expected.trim() {
            wrong.push(format!("{}: {found}", line.trim()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn types() {
    let cases = [
        ("0.908", "decimal(3,3)"),
        ("1", "int"),
        ("1e3", "double"),
        ("a / b", "int"),
        ("m * 0.908", "decimal(15,5)"),
        ("a * 0.908", "decimal(22,3)"),
        ("m + m", "decimal(13,2)"),
        ("m / m", "decimal(38,6)"),
        ("m + d", "double"),
        ("NULL", "string"),
        ("CASE WHEN f THEN 1 END", "int"),
        ("99999999999999999999", "decimal(20,0)"),
        ("t + INTERVAL '1s'", "timestamp"),
        ("round(m, 1)", "decimal(12,1)"),
    ];
    for (text, ty) in cases {
        assert_eq!(typed(text).ty.to_string(), ty, "{text}");
    }
}

#[test]
fn examples_of_functions() {
    for function in function::all() {
        let (text, expected) = function.example;
        assert_eq!(eval(text, ""), expected, "{text}");
        assert!(!function.doc.is_empty() && function.signature.starts_with(function.name));
    }
}

#[test]
fn the_time_is_that_of_the_block() {
    let noon = 43_200_000_000;
    let batch = Batch { now: noon, ..batch(&["t=1970-01-01T11:00:00Z", ""]) };
    let values = |text: &str| texts(&typed(text).eval(&batch).unwrap());
    assert_eq!(values("now()"), ["1970-01-01T12:00:00Z"; 2]);
    assert_eq!(values("now() - t"), ["1h", "NULL"]);
    assert_eq!(values("current_date"), ["1970-01-01"; 2]);
    assert_eq!(values("extract(hour FROM CURRENT_TIMESTAMP)"), ["12"; 2]);
    assert!(typed("t > now() - INTERVAL '1 day'").uses_now() && !typed("t").uses_now());
}

#[test]
fn divisions_of_ints_are_noted() {
    let cuts = |text: &str| {
        let (_, cuts) = resolve_noting(&parse(text).unwrap(), &schema()).unwrap();
        cuts.into_iter().map(|cut| text[cut].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(cuts("1 + a / b"), ["a / b"]);
    assert_eq!(cuts("a / 2 BETWEEN 0 AND 1"), ["a / 2"]);
    assert_eq!(cuts("7 / 2"), ["7 / 2"]);
    for none in ["a / 2.0", "d / a", "60 / 2", "a % b", "m / a"] {
        assert!(cuts(none).is_empty(), "{none}");
    }
}

#[test]
fn names_of_other_systems_are_no_functions() {
    for function in function::all() {
        for name in function.aliases.iter().chain([&function.name]) {
            assert_eq!(function::elsewhere(name), None, "{name}");
        }
    }
    for (form, _) in function::FORMS {
        assert_eq!(function::elsewhere(form), None, "{form}");
    }
}

#[test]
fn common_parts_are_shared_and_change_nothing() {
    let texts_of = ["a / b + 1", "CASE WHEN b <> 0 THEN a / b ELSE -1 END", "upper(s) || lower(s)", "TRY(a / b)", "a"];
    let items: Vec<Typed> = texts_of.iter().map(|text| typed(text)).collect();
    let shared = Expressions::new(items.clone());
    let shown = |items: &[Typed]| items.iter().map(Typed::to_string).collect::<Vec<_>>();
    assert_eq!(shown(shared.items()), shown(&items));
    assert!(format!("{:?}", shared.items()[1]).contains("Shared(0"), "{:?}", shared.items()[1]);
    let good = batch(&["a=7 b=2 s=x", "a=7 b=-2", ""]);
    let alone: Vec<Column> = items.iter().map(|item| item.eval(&good).unwrap()).collect();
    assert_eq!(shared.eval(&good).unwrap(), alone);
    // Where only the second and fourth are asked, a division by zero is not reached.
    let bad = batch(&["a=7 b=2 s=x", "a=7 b=0"]);
    let lazy = Expressions::new(vec![items[1].clone(), items[3].clone()]);
    assert_eq!(texts(&lazy.eval(&bad).unwrap()[0]), ["3", "-1"]);
    let (item, error) = shared.eval(&bad).unwrap_err();
    assert_eq!((item, error.row, error.message.as_str()), (0, 1, "division by zero"));
}

#[test]
fn names_of_functions_are_unique() {
    let mut names: Vec<&str> =
        function::all().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied())).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn constants_are_folded() {
    for text in ["1 + 2 * 3", "lower('X')", "TIMESTAMP '2020-01-01' + INTERVAL '1d'", "CASE WHEN 1 = 1 THEN 2 END"] {
        assert!(typed(text).is_constant(), "{text}");
    }
    assert!(!typed("a + 1").is_constant());
}

#[test]
fn plans_show_sql() {
    let cases = [
        ("m > 500 and a+1<b", "(m > 500.00) AND ((a + 1) < b)"),
        ("s like 'a%' or \"x y\" is null", "(s LIKE 'a%') OR (\"x y\" IS NULL)"),
        ("t >= '2015-05-17'", "t >= TIMESTAMP '2015-05-17T00:00:00Z'"),
        ("LOWER(s) = 'x'", "lower(s) = 'x'"),
    ];
    for (text, shown) in cases {
        assert_eq!(typed(text).to_string(), shown);
    }
}

#[test]
fn columns_are_found_and_renumbered() {
    let mut expr = typed("m > 1 AND coalesce(b, a) = b");
    assert_eq!(expr.columns(), [0, 1, 3]);
    expr.remap(&|i| i + 10);
    assert_eq!(expr.columns(), [10, 11, 13]);
}

#[test]
fn the_first_failing_row_is_named() {
    let error = typed("a / b").eval(&batch(&["a=1 b=1", "a=1 b=0", "a=1", "b=0"])).unwrap_err();
    assert_eq!((error.row, error.message.as_str()), (1, "division by zero"));
}

#[test]
fn filters() {
    let batch = batch(&["a=1", "a=2", "", "a=3"]);
    let mask = typed("a >= 2").eval_filter(&batch).unwrap();
    assert_eq!(batch.filter(&mask).rows, 2);
    assert_eq!(typed("TRUE").eval_filter(&batch).unwrap().true_count(), 4);
    assert_eq!(typed("NULL").eval(&batch).unwrap().len(), 4);
}

#[test]
fn sliced_columns() {
    let batch = batch(&["a=1 s=x f=true", "a=2 s=y f=false", "s=z", "a=4 s=x f=true"]).slice(1, 3);
    assert_eq!(texts(&typed("a + 1").eval(&batch).unwrap()), ["3", "NULL", "5"]);
    assert_eq!(texts(&typed("s = 'x' AND f").eval(&batch).unwrap()), ["false", "false", "true"]);
    assert_eq!(texts(&typed("a IS NULL OR a IN (4)").eval(&batch).unwrap()), ["false", "true", "true"]);
}
