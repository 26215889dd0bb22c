//! `flott test`: tests that stand in job files.

use std::fs;

use crate::jobs::workplace;
use crate::program::{Folder, JOB};

/// Runs `[[tests]]` behind the job that counts failures per minute.
fn folder(tests: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", &format!("{JOB}\n{tests}"));
    folder
}

const RIGHT: &str = r#"
[[tests]]
name = "failures are counted"
input.requests = """
at,status,ms
2024-05-01T12:00:01Z,500,10
2024-05-01T12:00:02Z,200,70
2024-05-01T12:00:03Z,503,30
"""
expect.per_minute = """
n,slowest
2,30
"""
"#;

#[test]
fn the_tests_of_all_jobs_pass() {
    let folder = workplace();
    let entries = fs::read_dir("jobs").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let jobs: Vec<String> = entries.filter(|name| name.ends_with(".toml")).map(|name| format!("jobs/{name}")).collect();
    let ran = folder.flott(&format!("test {}", jobs.join(" "))).exits(0);
    for job in &jobs {
        assert!(ran.stdout.contains(job.as_str()), "{job} has no tests");
    }
    assert_eq!(folder.names(), ["jobs", "testdata"], "tests write nothing");
}

#[test]
fn what_passes_is_a_line() {
    let ran = folder(RIGHT).flott("test job.toml").exits(0);
    assert_eq!(ran.stdout, "job.toml\n  ok      failures are counted\n1 passed\n");
    assert_eq!(ran.stderr, "");
}

#[test]
fn what_differs_is_shown_row_by_row() {
    let folder = folder(&RIGHT.replace("2,30", "1,10\n3,30"));
    let ran = folder.flott("test job.toml").exits(1);
    let expect = "\
job.toml
  FAILED  failures are counted
    expect.per_minute (job.toml:33): 2 rows expected, 1 row came
      n  slowest
    - 1  10
    - 3  30
    + 2  30
0 passed, 1 failed
";
    assert_eq!(ran.stdout, expect);
    assert!(folder.flott("test job.toml --color always").exits(1).stdout.contains("\x1b["));
    assert_eq!(folder.names(), ["job.toml"]);
}

#[test]
fn bless_writes_what_came_and_leaves_the_rest_alone() {
    let wrong = RIGHT.replace("n,slowest\n2,30\n\"\"\"", "n,slowest\n1,1\n\"\"\" # why") + "# the end\n";
    let folder = folder(&wrong);
    folder
        .flott("test job.toml --bless")
        .exits(0)
        .prints("  blessed failures are counted\n1 passed; 1 expectation written");
    let expect = wrong.replace("1,1\n", "2,30\n");
    assert_eq!(folder.read("job.toml"), format!("{JOB}\n{expect}"));
    folder.flott("test job.toml").exits(0).prints("1 passed");
    let before = fs::metadata(folder.path("job.toml")).unwrap().modified().unwrap();
    folder.flott("test job.toml --bless").exits(0).prints("1 passed\n");
    assert_eq!(fs::metadata(folder.path("job.toml")).unwrap().modified().unwrap(), before);
}

#[test]
fn rows_come_from_files_and_are_expected_in_files() {
    let tests = "
[[tests]]
name = 'files'
input.requests = { file = '${JOB_DIR}/rows.csv' }
expect.per_minute = { file = 'expected.jsonl' }
";
    let folder = folder(tests);
    folder.write("rows.csv", "at,status,ms\n2024-05-01T12:00:01Z,500,10\n").write("expected.jsonl", "");
    folder.flott("test job.toml").exits(1).prints("0 rows expected, 1 row came");
    folder.flott("test job.toml --bless").exits(0);
    assert_eq!(folder.read("expected.jsonl"), "{\"minute\":\"2024-05-01T12:00:00Z\",\"n\":1,\"slowest\":10}\n");
    folder.flott("test job.toml").exits(0);
    folder.write("expected.jsonl", "{\"n\": 1}\n{\"n\": 2}\n");
    folder.flott("test job.toml").exits(1).prints("- 2");
}

/// Each case: what is added to a test, and what is said about it.
#[test]
fn cases() {
    let test = |name: &str, rest: &str| format!("[[tests]]\nname = '{name}'\n{rest}\n");
    let rows = "input.requests = [
    { at = 2024-05-01T12:00:00Z, status = 500, ms = 1 },
    { at = 2024-05-01T12:02:30Z, status = 500, ms = 2 },
    { at = 2024-05-01T12:00:30Z, status = 501, ms = 3 },
]";
    for (rest, code, expect) in [
        ("expect.'per_minute.late' = [['2024-05-01T12:00:30Z', 501, 3]]", 0, "ok"),
        ("expect.per_minute.late = [{ ms = 4 }]", 1, "+ 3"),
        ("expect.failed = '''\nms\n3\n2\n1\n'''", 1, "- 3"),
        ("expect.failed = '''\nms\n3\n2\n1\n'''\norder = 'any'", 0, "ok"),
        ("expect.out = '''\nn\n1\n1\n'''", 0, "ok"),
        ("expect.out = '''\nn\n1\n'''", 1, "late row was dropped"),
        ("expect.failed = '''{\"ms\": 1, \"status\": 500}\n{\"ms\": 2}\n{\"ms\": 3}\n'''", 1, "+ 500     2"),
        ("expect.failed = '''\nm\n1\n'''", 1, "there is no column `m`"),
        ("expect.failed = [[1]]", 1, "1 values for 3 columns"),
        ("expect.failed = []\noverrides = ['transforms.failed.where=status > 600']", 0, "ok"),
        ("fails = 'division'", 1, "was to fail with \"division\", and ended well"),
    ] {
        let folder = folder(&test("t", &format!("{rows}\n{rest}")));
        let ran = folder.flott("test job.toml").exits(code);
        assert!(ran.stdout.contains(expect), "{rest}: {expect:?} is not in\n{}", ran.stdout);
    }
    let bad = "input.requests = \"at,status,ms\\n2024-05-01T12:00:00Z,5oo,1\\n\"\n";
    folder(&test("t", &format!("{bad}fails = \"'5oo' is not an int\""))).flott("test job.toml").exits(0);
    folder(&test("t", &format!("{bad}fails = 'other'"))).flott("test job.toml").exits(1).prints("'5oo' is not an int");
    folder(&test("t", &format!("{bad}expect.out = ''"))).flott("test job.toml").exits(1).prints("'5oo' is not an int");
}

#[test]
fn what_is_wrong_with_a_test_is_said_before_it_runs() {
    for (test, expect) in [
        ("name = 'a'", "the test `a` expects nothing"),
        ("expect.out = ''", "`name` is missing"),
        ("name = 'a'\nexpect.out = ''\nfails = 'x'", "exclude each other"),
        ("name = 'a'\nexpect.out = 7", "expected rows"),
        ("name = 'a'\nexpect.out = [1]", "expected rows"),
        ("name = 'a'\nexpect.out = { path = 'x' }\norder = 'some'", "unknown order of rows `some`"),
        ("name = 'a'\nexpects.out = ''", "unknown option `expects`"),
        ("name = 'a'\nexpect.out = { file = 'x', now = 1 }", "unknown option `now`"),
    ] {
        let folder = folder(&format!("[[tests]]\n{test}\n"));
        folder.write("in.csv", "at,status,ms\n");
        // Its shape is looked at by all.
        for command in ["test", "check", "run"] {
            folder.flott(&format!("{command} job.toml")).exits(2).says(expect);
        }
    }
    for (test, expect) in [
        ("name = 'a'\nexpect.out = ''", "the test `a` gives `requests` no rows"),
        ("name = 'a'\ninput.request = ''\nexpect.out = ''", "did you mean `requests`?"),
        ("name = 'a'\ninput.requests = ''\nexpect.per_minut = ''", "did you mean `per_minute`?"),
        (
            "name = 'a'\ninput.requests = ''\nexpect.requests.errors = ''",
            "`requests` sends nothing to `requests.errors`",
        ),
    ] {
        let folder = folder(&format!("[[tests]]\n{test}\n"));
        folder.write("in.csv", "at,status,ms\n");
        folder.flott("test job.toml").exits(2).says(expect);
        folder.flott("check job.toml").exits(2).says(expect);
        folder.flott("run job.toml").exits(0);
    }
    folder("").flott("test job.toml").exits(2).says("there are no tests");
    folder(RIGHT).flott("test job.toml --filter no").exits(2).says("no test has no in its name");
    folder(RIGHT).flott("test job.toml --filter count").exits(0).prints("1 passed");
}

/// Rows of several sources come in the order of their times, at every parallelism, whatever the job reads outside.
#[test]
fn sources_that_meet_are_read_by_time() {
    let folder = Folder::new();
    let job = "
[sources.a]
type = 'stdin'
format = 'csv'
schema = { at = 'timestamp', n = 'int' }
event_time = { column = 'at' }

[sources.b]
type = 'tcp'
listen = ':9000'
format = 'json'
schema = { n = 'int', at = { type = 'timestamp', unit = 's' } }
event_time = { column = 'at' }

[transforms.both]
type = 'filter'
input = ['a', 'b']
where = 'n > 0'

[sinks.out]
type = 'stdout'
input = 'both'

[[tests]]
name = 'in order'
input.a = '''
at,n
1970-01-01T00:00:01Z,1
1970-01-01T00:00:04Z,4
'''
input.b = '''
{\"at\": 2, \"n\": 2}
{\"at\": 3, \"n\": 3}
{\"at\": 5, \"n\": 0}
'''
expect.both = [{ n = 1 }, { n = 2 }, { n = 3 }, { n = 4 }]
";
    folder.write("job.toml", job);
    folder.flott("test job.toml").exits(0).prints("1 passed");
}

/// What a file gives beside its content is given as values; years of syslog go on from record to record.
#[test]
fn rows_have_metadata_and_lines_have_years() {
    let folder = Folder::new();
    let job = "
[sources.values]
type = 'file'
path = 'values.csv'
schema = { n = 'int' }
metadata = ['stem', 'line']

[transforms.odd]
type = 'filter'
input = 'values'
where = 'n % 2 = 1'

[sources.log]
type = 'file'
path = 'app.log'
format = { type = 'syslog', year = 2025 }

[sinks.values_out]
type = 'blackhole'
input = 'odd'
format = 'csv'

[sinks.log_out]
type = 'blackhole'
input = 'log'
format = 'csv'

[[tests]]
name = 'by name'
input.values = [{ n = 1, _stem = 'mill' }, { n = 2, _stem = 'mill' }, { n = 3, _line = 7 }]
input.log = []
expect.odd = [{ n = 1, _stem = 'mill' }, { n = 3, _line = 7 }]

[[tests]]
name = 'all of them'
input.values = [[5, 'press', 9]]
input.log = []
expect.odd = [[5, 'press', 9]]

[[tests]]
name = 'as they are found'
input.values = '''
n
4
5
'''
input.log = []
expect.odd = [{ n = 5, _line = 3, _stem = 'input' }]

[[tests]]
name = 'years'
input.values = []
input.log = '''
Dec 31 23:59:59 gate su: a
Jan  1 00:00:00 gate su: b
Jan  1 00:00:01 gate su: c
'''
expect.log = '''
time,message
2025-12-31T23:59:59Z,a
2026-01-01T00:00:00Z,b
2026-01-01T00:00:01Z,c
'''
";
    folder.write("job.toml", job).flott("test job.toml").exits(0).prints("4 passed");
}

/// Ways of a route that meet again come block by block, which is worth saying, unless order does not count.
#[test]
fn order_that_depends_on_blocks_is_told_from_rows_that_do() {
    let job = r#"
[sources.in]
type = 'stdin'
format = 'lines'

[transforms.ways]
type = 'route'
input = 'in'
cases = { a = "line LIKE 'a%'", b = "line LIKE 'b%'" }

[sinks.out]
type = 'stdout'
input = ['ways.a', 'ways.b']

[[tests]]
name = 'meet'
input.in = "b1\na1\nb2\n"
expect.out = [['a1'], ['b1'], ['b2']]
"#;
    let folder = Folder::new();
    folder.write("job.toml", job).flott("test job.toml").exits(1).prints("the order of its rows depends on how");
    folder.write("job.toml", &format!("{job}order = 'any'\n")).flott("test job.toml").exits(0);
}
