//! Words with a grammar of their own: predicates, CASE, CAST, EXTRACT, literals with a type, calls.

use std::ops::Range;

use super::super::ast::{Ast, AstKind, BinaryOp, Call, Negated};
use super::super::lexer::Kind;
use super::super::value::Scalar;
use super::{ExprError, Parser, RESERVED, Result, literal, power};
use crate::data::{DataType, Interval};

impl Parser {
    /// `IS …`, `[NOT] IN`, `[NOT] BETWEEN`, `[NOT] LIKE` behind `left`.
    pub(super) fn predicate(&mut self, left: Ast) -> Result<Ast> {
        if self.eat_word("is") {
            return self.is_predicate(left);
        }
        let negated = Negated::from_bool(self.eat_word("not"));
        let start = left.span.start;
        let value = Box::new(left);
        let kind = if self.eat_word("in") {
            AstKind::In(value, self.list()?, negated)
        } else if self.eat_word("between") {
            let low = self.expr(power::COMPARE)?;
            self.expect_word("and", "between the bounds of BETWEEN")?;
            let high = self.expr(power::COMPARE)?;
            AstKind::Between(value, Box::new(low), Box::new(high), negated)
        } else if self.is_word("like") || self.is_word("ilike") {
            let ignore_case = self.eat_word("ilike") || !self.eat_word("like");
            let pattern = Box::new(self.expr(power::COMPARE)?);
            let escape = if self.eat_word("escape") { Some(self.escape()?) } else { None };
            AstKind::Like { value, pattern, escape, ignore_case, negated }
        } else {
            return Err(self.unexpected("IN, BETWEEN, LIKE or ILIKE behind NOT"));
        };
        Ok(Ast { kind, span: start..self.end() })
    }

    fn is_predicate(&mut self, left: Ast) -> Result<Ast> {
        let negated = Negated::from_bool(self.eat_word("not"));
        let start = left.span.start;
        let value = Box::new(left);
        let kind = if self.eat_word("null") {
            AstKind::IsNull(value, negated)
        } else if self.eat_word("true") {
            AstKind::IsTruth(value, true, negated)
        } else if self.eat_word("false") {
            AstKind::IsTruth(value, false, negated)
        } else if self.eat_word("distinct") {
            self.expect_word("from", "behind IS DISTINCT")?;
            let right = self.expr(power::COMPARE)?;
            let op = if negated == Negated::Yes { BinaryOp::NotDistinct } else { BinaryOp::Distinct };
            AstKind::Binary(op, value, Box::new(right))
        } else {
            return Err(self.unexpected("NULL, TRUE, FALSE or DISTINCT FROM behind IS"));
        };
        Ok(Ast { kind, span: start..self.end() })
    }

    fn escape(&mut self) -> Result<char> {
        if let Kind::Text(text) = &self.peek().kind
            && let Some(c) = text.chars().next()
            && text.chars().count() == 1
        {
            self.next();
            return Ok(c);
        }
        Err(self.unexpected("one character in single quotes behind ESCAPE"))
    }

    /// `(a, b, …)`, at least one.
    fn list(&mut self) -> Result<Vec<Ast>> {
        let open = self.peek().span.clone();
        if !self.eat_symbol("(") {
            return Err(self.unexpected("`(` and a list of values"));
        }
        let mut items = vec![self.expr(0)?];
        while self.eat_symbol(",") {
            items.push(self.expr(0)?);
        }
        self.close(&open)?;
        Ok(items)
    }

    /// A word where an operand is expected.
    pub(super) fn word(&mut self, word: &str, span: Range<usize>) -> Result<Ast> {
        let lower = word.to_ascii_lowercase();
        let called = self.peek_at(1).kind == Kind::Symbol("(");
        let text_follows = matches!(self.peek_at(1).kind, Kind::Text(_));
        match lower.as_str() {
            "null" | "true" | "false" => {
                self.next();
                let (value, ty) = match lower.as_str() {
                    "null" => (Scalar::Null, DataType::String),
                    other => (Scalar::Boolean(other == "true"), DataType::Boolean),
                };
                Ok(literal(value, ty, span))
            }
            "not" => {
                self.next();
                let value = self.expr(power::NOT)?;
                let span = span.start..value.span.end;
                Ok(Ast { kind: AstKind::Not(Box::new(value)), span })
            }
            "case" => self.case(),
            "cast" | "try_cast" if called => self.cast(lower == "try_cast"),
            "extract" if called => self.extract(),
            "position" if called => self.position(),
            "trim" if called && self.peek_at(2).kind != Kind::Symbol(")") => self.trim(),
            "interval" if text_follows => self.interval(),
            "interval" if matches!(self.peek_at(1).kind, Kind::Number(_)) => self.interval(),
            "timestamp" | "timestamptz" | "date" if text_follows => {
                self.next();
                let Kind::Text(text) = self.next().kind else { unreachable!("looked at above") };
                let ty = if lower == "date" { DataType::Date } else { DataType::Timestamp };
                Ok(Ast { kind: AstKind::TypedText(ty, text), span: span.start..self.end() })
            }
            "array" if self.peek_at(1).kind == Kind::Symbol("[") => {
                self.next();
                self.list_of(span.start)
            }
            "struct" | "row" if called => self.struct_of(),
            _ if called && lower != "in" => self.call(lower),
            reserved if RESERVED.contains(&reserved) => {
                let error = self.unexpected("an expression");
                let is_value = self.at > 0 && self.peek_at(1).kind != Kind::End;
                Err(if is_value { error } else { error.help(format!("a column of this name is written \"{word}\"")) })
            }
            _ => {
                self.next();
                Ok(Ast { kind: AstKind::Column { name: word.to_owned(), quoted: false }, span })
            }
        }
    }

    fn case(&mut self) -> Result<Ast> {
        let case = self.next().span;
        let operand = if self.is_word("when") { None } else { Some(Box::new(self.expr(0)?)) };
        let mut whens = Vec::new();
        while self.eat_word("when") {
            let condition = self.expr(0)?;
            self.expect_word("then", "behind WHEN and its condition")?;
            whens.push((condition, self.expr(0)?));
        }
        if whens.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = if self.eat_word("else") { Some(Box::new(self.expr(0)?)) } else { None };
        if !self.eat_word("end") {
            if self.peek().kind == Kind::End {
                return Err(ExprError::new(case, "a CASE has no END", "END is missing for this one"));
            }
            return Err(self.unexpected("WHEN, ELSE or END"));
        }
        Ok(Ast { kind: AstKind::Case { operand, whens, otherwise }, span: case.start..self.end() })
    }

    /// Takes a word and the `(` behind it, both looked at before. Returns the place of each.
    pub(super) fn head(&mut self) -> (Range<usize>, Range<usize>) {
        (self.next().span, self.next().span)
    }

    fn cast(&mut self, try_: bool) -> Result<Ast> {
        let (head, open) = self.head();
        let value = Box::new(self.expr(0)?);
        self.expect_word("as", "and a type")?;
        let ty = self.data_type()?;
        self.close(&open)?;
        Ok(Ast { kind: AstKind::Cast { value, ty, try_ }, span: head.start..self.end() })
    }

    /// `EXTRACT(unit FROM x)` is `date_part('unit', x)`.
    fn extract(&mut self) -> Result<Ast> {
        let (head, open) = self.head();
        let unit = match self.peek().kind.clone() {
            Kind::Word(word) => word.to_ascii_lowercase(),
            Kind::Text(text) => text,
            _ => return Err(self.unexpected("a unit such as hour")),
        };
        let unit = literal(Scalar::String(unit.into()), DataType::String, self.next().span);
        if !self.eat_word("from") && !self.eat_symbol(",") {
            return Err(self.unexpected("FROM behind the unit"));
        }
        let value = self.expr(0)?;
        self.close(&open)?;
        Ok(self.made_call("date_part", head, vec![unit, value]))
    }

    /// `POSITION(part IN text)` is `strpos(text, part)`; `position(text, part)` is a plain call.
    fn position(&mut self) -> Result<Ast> {
        let (head, open) = self.head();
        let first = self.expr(power::COMPARE)?;
        let args = if self.eat_word("in") {
            vec![self.expr(0)?, first]
        } else if self.eat_symbol(",") {
            vec![first, self.expr(0)?]
        } else {
            return Err(self.unexpected("IN, as in position('a' IN x)"));
        };
        self.close(&open)?;
        Ok(self.made_call("strpos", head, args))
    }

    /// `AT TIME ZONE` comes next.
    pub(super) fn is_time_zone(&self) -> bool {
        let is = |ahead: usize, word: &str| matches!(&self.peek_at(ahead).kind, Kind::Word(w) if w.eq_ignore_ascii_case(word));
        is(1, "time") && is(2, "zone")
    }

    /// `t AT TIME ZONE 'Asia/Seoul'`.
    pub(super) fn at_time_zone(&mut self, left: Ast) -> Result<Ast> {
        let head = self.next().span;
        self.next();
        self.next();
        let zone = self.expr(power::REACH)?;
        Ok(self.infix_call("at_timezone", head, vec![left, zone]))
    }

    /// `TRIM([LEADING | TRAILING | BOTH] [characters] FROM text)`; `trim(text, characters)` is a plain call.
    fn trim(&mut self) -> Result<Ast> {
        let side = match &self.peek_at(2).kind {
            Kind::Word(word) if !matches!(self.peek_at(3).kind, Kind::Symbol(")" | ",")) => {
                match word.to_ascii_lowercase().as_str() {
                    "leading" => Some("ltrim"),
                    "trailing" => Some("rtrim"),
                    "both" => Some("trim"),
                    _ => None,
                }
            }
            _ => None,
        };
        let (head, open) = self.head();
        if side.is_some() {
            self.next();
        }
        let first = if side.is_some() && self.is_word("from") { None } else { Some(self.expr(0)?) };
        let mut args = Vec::new();
        if self.eat_word("from") {
            args.push(self.expr(0)?);
            args.extend(first);
        } else if side.is_some() {
            return Err(self.unexpected("FROM and the text"));
        } else {
            args.extend(first);
            while self.eat_symbol(",") {
                args.push(self.expr(0)?);
            }
        }
        self.close(&open)?;
        Ok(self.made_call(side.unwrap_or("trim"), head, args))
    }

    /// A call for an operator at `head` between its arguments.
    pub(super) fn infix_call(&self, name: &str, head: Range<usize>, args: Vec<Ast>) -> Ast {
        let mut call = self.made_call(name, head, args);
        if let AstKind::Call(Call { args, .. }) = &call.kind {
            call.span.start = args[0].span.start;
        }
        call
    }

    pub(super) fn made_call(&self, name: &str, head: Range<usize>, args: Vec<Ast>) -> Ast {
        let span = head.start..self.end();
        let call = Call { name: name.to_owned(), name_span: head, args, star: false, distinct: false, filter: None };
        Ast { kind: AstKind::Call(call), span }
    }

    /// `INTERVAL '5' MINUTE`, `INTERVAL 5 MINUTE` or `INTERVAL '5 minutes'`.
    fn interval(&mut self) -> Result<Ast> {
        let start = self.next().span.start;
        let token = self.next();
        let (Kind::Text(text) | Kind::Number(text)) = token.kind else { unreachable!("looked at by the caller") };
        let of_unit = match &self.peek().kind {
            Kind::Word(unit) => Interval::of_unit(text.trim(), unit),
            _ => None,
        };
        let value = match of_unit {
            Some(value) => {
                self.next();
                value.carried()
            }
            None => Interval::parse(&text),
        };
        match value {
            Some(value) => Ok(literal(Scalar::Interval(value), DataType::Interval, start..self.end())),
            None => Err(ExprError::new(token.span, format!("'{text}' is not an interval"), "not an interval")
                .help("write INTERVAL '5' MINUTE or INTERVAL '1 hour 30 minutes'")),
        }
    }

    fn call(&mut self, name: String) -> Result<Ast> {
        let (name_span, open) = self.head();
        let mut call = Call { name, name_span, args: Vec::new(), star: false, distinct: false, filter: None };
        if self.is_symbol("*") && self.peek_at(1).kind == Kind::Symbol(")") {
            self.next();
            call.star = true;
        } else if !self.is_symbol(")") {
            if self.is_word("distinct") && !matches!(self.peek_at(1).kind, Kind::Symbol(")" | ",")) {
                self.next();
                call.distinct = true;
            }
            call.args.push(self.first_argument(&call.name)?);
            while self.eat_symbol(",") || self.eat_argument_word(&call) {
                call.args.push(self.expr(0)?);
            }
        }
        if self.is_word("order") {
            return Err(ExprError::new(self.peek().span.clone(), "ORDER BY has no place inside a call", "not here")
                .help("values come in the order of the input: sort it before"));
        }
        self.close(&open)?;
        if self.is_word("within") {
            self.within_group(&mut call)?;
        }
        if self.is_word("filter") && self.peek_at(1).kind == Kind::Symbol("(") {
            let (_, open) = self.head();
            self.expect_word("where", "inside FILTER")?;
            call.filter = Some(Box::new(self.expr(0)?));
            self.close(&open)?;
        }
        if self.is_word("over") {
            return Err(ExprError::new(self.peek().span.clone(), "OVER is not there yet", "not there yet"));
        }
        let span = call.name_span.start..self.end();
        Ok(Ast { kind: AstKind::Call(call), span })
    }

    /// `percentile_cont(p) WITHIN GROUP (ORDER BY x)` is `percentile_cont(x, p)`, and `mode() …` is `mode(x)`.
    fn within_group(&mut self, call: &mut Call) -> Result<()> {
        self.next();
        self.expect_word("group", "behind WITHIN")?;
        let open = self.peek().span.clone();
        if !self.eat_symbol("(") {
            return Err(self.unexpected("`(ORDER BY x)` behind WITHIN GROUP"));
        }
        self.expect_word("order", "inside WITHIN GROUP")?;
        self.expect_word("by", "behind ORDER")?;
        call.args.insert(0, self.expr(0)?);
        if !self.eat_word("asc") && self.is_word("desc") {
            return Err(ExprError::new(self.peek().span.clone(), "WITHIN GROUP goes upwards only", "not here")
                .help("write 1 - p in place of p"));
        }
        self.close(&open)
    }

    /// `timestampdiff(DAY, a, b)` may have its unit without quotes.
    fn first_argument(&mut self, name: &str) -> Result<Ast> {
        const WITH_UNIT: [&str; 6] =
            ["timestampdiff", "timestampadd", "date_diff", "datediff", "timestamp_diff", "timestamp_add"];
        if let Kind::Word(unit) = self.peek().kind.clone()
            && WITH_UNIT.contains(&name)
            && self.peek_at(1).kind == Kind::Symbol(",")
        {
            return Ok(literal(Scalar::String(unit.into()), DataType::String, self.next().span));
        }
        self.expr(0)
    }

    /// `substring(x FROM a FOR b)`, `overlay(x PLACING y FROM a FOR b)`.
    fn eat_argument_word(&mut self, call: &Call) -> bool {
        if call.name == "overlay" {
            return ["placing", "from", "for"].get(call.args.len() - 1).is_some_and(|word| self.eat_word(word));
        }
        matches!(call.name.as_str(), "substring" | "substr")
            && (call.args.len() == 1 && self.eat_word("from") || call.args.len() == 2 && self.eat_word("for"))
    }
}
