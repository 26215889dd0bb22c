//! Expressions that have a type: grown from columns and constants, step by step, each of which puts an operator, a form of
//! the language or a function of the table around what is there. What does not resolve is not taken.

use super::super::super::function::{Arg, Function};
use super::super::super::{Typed, function, parse, resolve};
use super::values::{Choices, texts};
use crate::data::{DataType, Schema};

/// Texts that arguments must be which say how: units, patterns, formats, zones, paths, flags.
const WORDS: [&str; 44] = [
    "day",
    "hour",
    "month",
    "week",
    "year",
    "epoch",
    "microsecond",
    "decade",
    "century",
    "quarter",
    "isoyear",
    "doy",
    "UTC",
    "Asia/Seoul",
    "America/New_York",
    "$.a",
    "$.a[0]",
    "$",
    "$[-1]",
    "$.b.c[3].d",
    "a",
    "hex",
    "base64",
    "%Y-%m-%d",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y/%j %A",
    "(\\w)(\\d+)?",
    "[aeiou]|ß",
    "^.*$",
    "",
    ",",
    "i",
    "g",
    "desc",
    "15 minutes",
    "1h",
    "HOST",
    "QUERY",
    "x",
    "PATH",
    "$2$1",
    "(?<n>a)|",
    "0.5",
    "1970-01-01",
];

const TYPES: [&str; 18] = [
    "int",
    "double",
    "string",
    "boolean",
    "timestamp",
    "date",
    "interval",
    "json",
    "bytes",
    "decimal(5,2)",
    "decimal(38,0)",
    "decimal(38,10)",
    "decimal(38,38)",
    "list<int>",
    "list<string>",
    "struct<x int, y string>",
    "struct<y json>",
    "list<double>",
];

const OPERATORS: [&str; 24] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "IS DISTINCT FROM",
    "IS NOT DISTINCT FROM",
    "AND",
    "OR",
    "&",
    "|",
    "<<",
    ">>",
    "->",
    "->>",
    "+",
    "-",
];

/// An expression, resolved and as text.
#[derive(Clone)]
pub struct Made {
    pub text: String,
    pub typed: Typed,
}

pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A constant of a type, as SQL.
pub fn constant(ty: DataType, choices: &mut Choices) -> String {
    let text = *choices.of(texts(ty));
    match ty {
        DataType::Int => format!("({text})"),
        DataType::Double if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            format!("({:e})", text.parse::<f64>().unwrap())
        }
        DataType::Decimal { scale: 2, .. } => format!("({text})"),
        DataType::Boolean => text.to_uppercase(),
        DataType::String => quoted(text),
        DataType::Timestamp => format!("TIMESTAMP '{text}'"),
        DataType::Date => format!("DATE '{text}'"),
        DataType::Interval => format!("INTERVAL '{text}'"),
        ty => format!("CAST({} AS {ty})", quoted(text)),
    }
}

pub struct Maker<'a, 'n> {
    pub schema: &'a Schema,
    pub choices: Choices<'n>,
    pool: Vec<Made>,
}

impl<'a, 'n> Maker<'a, 'n> {
    pub fn new(schema: &'a Schema, choices: Choices<'n>) -> Maker<'a, 'n> {
        let mut maker = Maker { schema, choices, pool: Vec::new() };
        for field in &schema.fields {
            maker.pool.extend(made(&field.name, schema));
        }
        maker
    }

    /// The expression that so many steps end with.
    pub fn make(mut self, steps: usize) -> Made {
        self.again(steps)
    }

    /// One more, of columns and what was made before.
    pub fn again(&mut self, steps: usize) -> Made {
        for _ in 0..steps {
            // The text of a part may be long already.
            for _ in 0..4 {
                let text = self.step();
                if let Some(new) = made(&text, self.schema).filter(|_| text.len() < 2000) {
                    self.pool.push(new);
                    break;
                }
            }
        }
        self.pool[self.pool.len() - 1].clone()
    }

    fn step(&mut self) -> String {
        match self.choices.below(10) {
            0..5 => {
                let functions: Vec<&Function> = function::all().collect();
                let function = *self.choices.of(&functions);
                self.call(function)
            }
            5..7 => {
                let left = self.any();
                let op = *self.choices.of(&OPERATORS);
                let right = self.like(&left);
                format!("({} {op} {})", left.text, right)
            }
            _ => self.form(),
        }
    }

    /// A call with arguments that may do.
    pub fn call(&mut self, function: &Function) -> String {
        let optional = function.args.len() - function.required;
        let mut count = function.required + self.choices.below(optional + 1);
        if function.variadic {
            count += self.choices.below(3);
        }
        let args: Vec<String> =
            (0..count).map(|i| self.argument(function.args[i.min(function.args.len() - 1)])).collect();
        format!("{}({})", function.name, args.join(", "))
    }

    fn argument(&mut self, takes: Arg) -> String {
        use DataType::{Bytes, Date, Int, Interval, Json, List, String, Timestamp};
        let fits: fn(DataType) -> bool = match takes {
            Arg::String => |ty| ty == String,
            Arg::Int => |ty| ty == Int,
            Arg::Number | Arg::Double => DataType::is_numeric,
            Arg::Timestamp => |ty| matches!(ty, Timestamp | Date),
            Arg::Date => |ty| matches!(ty, Date | Timestamp),
            Arg::Moment => |ty| matches!(ty, Date | Timestamp | Interval),
            Arg::List => |ty| matches!(ty, List(_)),
            Arg::Binary => |ty| matches!(ty, Bytes | String),
            Arg::Json => |ty| matches!(ty, Json | String),
            Arg::Text | Arg::Any => |_| true,
        };
        match (takes, self.choices.below(8)) {
            (Arg::String | Arg::Any, 0..=3) => quoted(self.choices.of::<&str>(&WORDS)),
            (Arg::Int, 0..=1) => format!("({})", self.choices.below(7) as i64 - 2),
            (_, 7) if self.choices.one_in(3) => "NULL".to_owned(),
            (_, 5) => {
                let fields: Vec<_> = self.schema.fields.iter().filter(|field| fits(field.ty)).collect();
                let ty = self.choices.of(&fields).ty;
                constant(ty, &mut self.choices)
            }
            _ => self.of_pool(fits),
        }
    }

    fn of_pool(&mut self, fits: impl Fn(DataType) -> bool) -> String {
        let fitting: Vec<usize> = (0..self.pool.len()).filter(|&i| fits(self.pool[i].typed.ty)).collect();
        // What was made is taken rather than a column.
        let columns = self.schema.len();
        let own: Vec<usize> = fitting.iter().copied().filter(|&i| i >= columns).collect();
        let from = if own.is_empty() || self.choices.one_in(3) { &fitting } else { &own };
        self.pool[*self.choices.of(from)].text.clone()
    }

    fn any(&mut self) -> Made {
        let count = self.pool.len();
        let made = count - self.schema.len();
        let at = if made > 0 && !self.choices.one_in(3) {
            count - 1 - self.choices.below(made)
        } else {
            self.choices.below(count)
        };
        self.pool[at].clone()
    }

    /// Something of the same type, or of any.
    fn like(&mut self, other: &Made) -> String {
        let ty = other.typed.ty;
        let numeric = ty.is_numeric();
        match self.choices.below(8) {
            0 => "NULL".to_owned(),
            1 => self.any().text,
            2..4 if texts_are_of(ty) => constant(ty, &mut self.choices),
            4 => self.of_pool(|found| found == ty || numeric && found.is_numeric()),
            _ => self.of_pool(|found| found == ty),
        }
    }

    fn boolean(&mut self) -> String {
        self.of_pool(|ty| ty == DataType::Boolean)
    }

    fn form(&mut self) -> String {
        let value = self.any();
        let x = value.text.clone();
        let y = self.like(&value);
        let z = self.like(&value);
        let not = *self.choices.of(&["", "NOT "]);
        let ty = *self.choices.of(&TYPES);
        let word = quoted(self.choices.of::<&str>(&WORDS));
        match self.choices.below(28) {
            0 => format!("(NOT {})", self.boolean()),
            1 => format!("(- {x})"),
            2 => format!("({x} IS {not}NULL)"),
            3 => format!("({} IS {not}{})", self.boolean(), self.choices.of(&["TRUE", "FALSE"])),
            4 => format!("({x} {not}IN ({y}, {z}))"),
            5 => {
                let items: Vec<String> = (0..12)
                    .map(|_| {
                        if texts_are_of(value.typed.ty) {
                            constant(value.typed.ty, &mut self.choices)
                        } else {
                            "NULL".into()
                        }
                    })
                    .collect();
                format!("({x} {not}IN ({}))", items.join(", "))
            }
            6 => format!("({x} {not}BETWEEN {y} AND {z})"),
            7 => format!("CASE WHEN {} THEN {x} ELSE {y} END", self.boolean()),
            8 => format!("CASE WHEN {} THEN {x} WHEN {} THEN {y} END", self.boolean(), self.boolean()),
            9 => format!("CASE {x} WHEN {y} THEN {z} WHEN {z} THEN {x} END"),
            10 => format!("coalesce({x}, {y}, {z})"),
            11 => format!("nullif({x}, {y})"),
            12 => format!("if({}, {x}, {y})", self.boolean()),
            13 => format!("greatest({x}, {y}, {z})"),
            14 => format!("least({x}, {y})"),
            15 => format!("TRY({x})"),
            16 => format!("CAST({x} AS {ty})"),
            17 => format!("TRY_CAST({x} AS {ty})"),
            18 => format!(
                "({x} {not}{} {})",
                self.choices.of(&["LIKE", "ILIKE"]),
                self.choices.of(&["'%a%'", "'a_b'", "'%'", "''", "'a!%%' ESCAPE '!'", "'_'", "'%ß'", "'日%'"])
            ),
            19 => format!("({x} {} {word})", self.choices.of(&["~", "!~", "~*", "!~*"])),
            20 => format!("[{x}, {y}, {z}]"),
            21 => format!("{}[{}]", self.of_pool(|ty| matches!(ty, DataType::List(_))), self.argument(Arg::Int)),
            22 => format!(
                "{}[{}:{}]",
                self.of_pool(|ty| matches!(ty, DataType::List(_))),
                self.argument(Arg::Int),
                self.argument(Arg::Int)
            ),
            23 => format!("struct({x} AS x, {y} AS y)"),
            24 => {
                format!("({}).{}", self.of_pool(|ty| matches!(ty, DataType::Struct(_))), self.choices.of(&["x", "y"]))
            }
            25 => format!("to_json({x})"),
            26 => format!("{}({word}, {x})", self.choices.of(&["json_array", "json_object"])),
            _ => format!("({x} AT TIME ZONE {word})"),
        }
    }
}

/// Whether there are texts of constants of a type: it is one of the columns.
fn texts_are_of(ty: DataType) -> bool {
    super::schema().fields.iter().any(|field| field.ty == ty)
}

pub fn made(text: &str, schema: &Schema) -> Option<Made> {
    let typed = resolve(&parse(text).ok()?, schema).ok()?;
    Some(Made { text: text.to_owned(), typed })
}
