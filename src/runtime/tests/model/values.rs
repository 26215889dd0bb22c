//! Values of all types, and columns of them that are made of those that every row has.

use std::cmp::Ordering;

use super::Row;

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Digits and scale.
    Decimal(i128, u32),
    Double(f64),
    Text(String),
    Time(i64),
    Date(i64),
    Bytes(Vec<u8>),
    /// Months, days, microseconds.
    Interval(i64, i64, i128),
    List(Vec<Value>),
    Struct(Vec<(&'static str, Value)>),
    Json(String),
}

use Value::*;

/// Nulls first, NaN last, -0.0 as 0.0, a month as 30 days.
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Null, Null) => Ordering::Equal,
            (Null, _) => Ordering::Less,
            (_, Null) => Ordering::Greater,
            (Bool(a), Bool(b)) => a.cmp(b),
            (Int(a), Int(b)) | (Time(a), Time(b)) | (Date(a), Date(b)) => a.cmp(b),
            (Decimal(a, x), Decimal(b, y)) if x == y => a.cmp(b),
            (Double(a), Double(b)) => (a.is_nan().cmp(&b.is_nan())).then((a + 0.0).total_cmp(&(b + 0.0))),
            (Text(a), Text(b)) | (Json(a), Json(b)) => a.cmp(b),
            (Bytes(a), Bytes(b)) => a.cmp(b),
            (&Interval(m, d, u), &Interval(n, e, v)) => {
                length(m, d, u).cmp(&length(n, e, v)).then((m, d, u).cmp(&(n, e, v)))
            }
            (List(a), List(b)) => a.cmp(b),
            (Struct(a), Struct(b)) => {
                let pairs = a.iter().zip(b).map(|((_, a), (_, b))| a.cmp(b));
                pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }
            (a, b) => panic!("{a:?} and {b:?} do not compare"),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

const DAY: i128 = 86_400_000_000;

fn length(months: i64, days: i64, micros: i128) -> i128 {
    (i128::from(months) * 30 + i128::from(days)) * DAY + micros
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Null)
    }

    /// As one of several equal ones stands for all.
    pub fn shown(&self) -> Value {
        match self {
            Double(v) => Double(v + 0.0),
            List(items) => List(items.iter().map(Value::shown).collect()),
            Struct(fields) => Struct(fields.iter().map(|(name, v)| (*name, v.shown())).collect()),
            other => other.clone(),
        }
    }

    /// `CAST(… AS string)`, of what is not null.
    pub fn text(&self) -> String {
        match self {
            Null => "null".into(),
            Bool(v) => v.to_string(),
            Int(v) => v.to_string(),
            Decimal(digits, 0) => digits.to_string(),
            Decimal(digits, scale) => {
                let sign = if *digits < 0 { "-" } else { "" };
                let text = format!("{:0width$}", digits.unsigned_abs(), width = *scale as usize + 1);
                let (whole, behind) = text.split_at(text.len() - *scale as usize);
                format!("{sign}{whole}.{behind}")
            }
            Double(v) => format!("{v:?}"),
            Text(v) | Json(v) => v.clone(),
            Time(us) => {
                let seconds = us.div_euclid(1_000_000);
                let behind = match us.rem_euclid(1_000_000) {
                    0 => String::new(),
                    rest if rest % 1000 == 0 => format!(".{:03}", rest / 1000),
                    rest => format!(".{rest:06}"),
                };
                let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
                let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
                format!("{}T{h:02}:{m:02}:{s:02}{behind}Z", Date(days).text())
            }
            // Days around 1970 only.
            Date(days) => match days {
                0..=30 => format!("1970-01-{:02}", days + 1),
                -31..=-1 => format!("1969-12-{:02}", 32 + days),
                days => panic!("day {days}"),
            },
            Bytes(bytes) => base64(bytes),
            &Interval(months, days, micros) => interval(months, days, micros),
            List(items) => {
                let items: Vec<String> = items.iter().map(Value::json).collect();
                format!("[{}]", items.join(","))
            }
            Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, v)| format!("\"{n}\":{}", v.json())).collect();
                format!("{{{}}}", fields.join(","))
            }
        }
    }

    fn json(&self) -> String {
        match self {
            Double(v) if !v.is_finite() => "null".into(),
            Text(text) => serde_json::to_string(text).unwrap(),
            Time(_) | Date(_) | Bytes(_) | Interval(..) => format!("\"{}\"", self.text()),
            other => other.text(),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63] as char;
            text.push(if i <= three.len() { letter } else { '=' });
        }
    }
    text
}

fn interval(months: i64, days: i64, micros: i128) -> String {
    let mut parts = Vec::new();
    let seconds = micros % 60_000_000;
    for (value, unit) in [
        (i128::from(months / 12), "y"),
        (i128::from(months % 12), "mo"),
        (i128::from(days), "d"),
        (micros / 3_600_000_000, "h"),
        (micros / 60_000_000 % 60, "m"),
    ] {
        if value != 0 {
            parts.push(format!("{value}{unit}"));
        }
    }
    if seconds != 0 || parts.is_empty() {
        let text = Decimal(seconds, 6).text();
        parts.push(format!("{}s", text.trim_end_matches('0').trim_end_matches('.')));
    }
    parts.join(" ")
}

/// An expression over the columns of every row, and its value. `Err`: it fails.
pub struct Expr {
    pub sql: &'static str,
    pub kind: Kind,
    /// It has so few different values that a sketch counts them exactly.
    pub few: bool,
    value: fn(&Row) -> Result<Value, ()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Decimal,
    Double,
    Text,
    Bool,
    Time,
    Interval,
    Json,
    /// Others that have an order.
    Other,
}

impl Expr {
    pub fn of(&self, row: &Row) -> Value {
        (self.value)(row).unwrap()
    }

    pub fn fails(&self, row: &Row) -> bool {
        (self.value)(row).is_err()
    }
}

/// The last one fails where `v` is 3.
pub static EXPRS: &[Expr] = &[
    Expr { sql: "v", kind: Kind::Int, few: true, value: |r| Ok(int(r.v)) },
    Expr { sql: "n", kind: Kind::Int, few: false, value: |r| Ok(int(r.n)) },
    Expr {
        sql: "CAST(v AS decimal(12,2)) * 0.25",
        kind: Kind::Decimal,
        few: true,
        value: |r| Ok(r.v.map_or(Null, |v| Decimal(i128::from(v) * 2500, 4))),
    },
    Expr {
        sql: "CAST(n AS decimal(30,0)) * 100000000000000000000.01",
        kind: Kind::Decimal,
        few: false,
        value: |r| Ok(r.n.map_or(Null, |n| Decimal(i128::from(n) * 10_000_000_000_000_000_000_001, 2))),
    },
    Expr {
        sql: "CAST(v AS double) / 4",
        kind: Kind::Double,
        few: true,
        value: |r| Ok(r.v.map_or(Null, |v| Double(v as f64 / 4.0))),
    },
    Expr {
        sql: "CASE v WHEN 2 THEN CAST('NaN' AS double) WHEN 1 THEN CAST('-0.0' AS double) ELSE CAST(v AS double) END",
        kind: Kind::Double,
        few: true,
        value: |r| {
            Ok(match r.v {
                None => Null,
                Some(2) => Double(f64::NAN),
                Some(1) => Double(-0.0),
                Some(v) => Double(v as f64),
            })
        },
    },
    Expr { sql: "k", kind: Kind::Text, few: false, value: |r| Ok(r.k.clone().map_or(Null, Text)) },
    Expr {
        sql: "k || ' ' || CAST(v AS string)",
        kind: Kind::Text,
        few: false,
        value: |r| Ok(named(r).map_or(Null, Text)),
    },
    Expr { sql: "v > 1", kind: Kind::Bool, few: true, value: |r| Ok(r.v.map_or(Null, |v| Bool(v > 1))) },
    Expr { sql: "at", kind: Kind::Time, few: false, value: |r| Ok(r.at.map_or(Null, Time)) },
    Expr {
        sql: "DATE '1970-01-01' + v % 5",
        kind: Kind::Other,
        few: true,
        value: |r| Ok(r.v.map_or(Null, |v| Date(v % 5))),
    },
    Expr {
        sql: "to_utf8(k)",
        kind: Kind::Other,
        few: false,
        value: |r| Ok(r.k.clone().map_or(Null, |k| Bytes(k.into_bytes()))),
    },
    Expr {
        sql: "CASE v WHEN 1 THEN INTERVAL '1 month' WHEN 2 THEN INTERVAL '30 days' ELSE INTERVAL '1 hour' * v END",
        kind: Kind::Interval,
        few: true,
        value: |r| {
            Ok(match r.v {
                None => Null,
                Some(1) => Interval(1, 0, 0),
                Some(2) => Interval(0, 30, 0),
                Some(v) => Interval(0, 0, i128::from(v) * 3_600_000_000),
            })
        },
    },
    Expr {
        sql: "CASE WHEN v <> 2 THEN [v, n % 3] WHEN v = 2 THEN array_remove([v], 2) END",
        kind: Kind::Other,
        few: true,
        value: |r| {
            Ok(match r.v {
                None => Null,
                Some(2) => List(Vec::new()),
                Some(v) => List(vec![Int(v), r.n.map_or(Null, |n| Int(n % 3))]),
            })
        },
    },
    Expr {
        sql: "CASE WHEN v <> 1 THEN struct(v % 3 AS a, [k] AS b) END",
        kind: Kind::Other,
        few: false,
        value: |r| {
            Ok(match r.v {
                None | Some(1) => Null,
                Some(v) => Struct(vec![("a", Int(v % 3)), ("b", List(vec![r.k.clone().map_or(Null, Text)]))]),
            })
        },
    },
    Expr {
        sql: "[struct(CAST(v AS double) AS a)]",
        kind: Kind::Other,
        few: true,
        value: |r| Ok(List(vec![Struct(vec![("a", r.v.map_or(Null, |v| Double(v as f64)))])])),
    },
    Expr { sql: "to_json([v])", kind: Kind::Json, few: true, value: |r| Ok(Json(List(vec![int(r.v)]).text())) },
    Expr {
        sql: "100 / (v - 3)",
        kind: Kind::Int,
        few: true,
        value: |r| match r.v {
            Some(3) => Err(()),
            v => Ok(int(v.map(|v| 100 / (v - 3)))),
        },
    },
];

fn int(value: Option<i64>) -> Value {
    value.map_or(Null, Int)
}

fn named(row: &Row) -> Option<String> {
    Some(format!("{} {}", row.k.as_ref()?, row.v?))
}

/// Those of a kind that never fail.
pub fn sound(fits: impl Fn(&Expr) -> bool) -> Vec<&'static Expr> {
    EXPRS[..EXPRS.len() - 1].iter().filter(|expr| fits(expr)).collect()
}
