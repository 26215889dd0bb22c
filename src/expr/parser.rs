//! Tokens to [`Ast`]: a Pratt parser. Words with a grammar of their own (CASE, CAST, …) are in `parser/forms.rs`.
//!
//! From loose to tight: `OR`, `AND`, `NOT`, comparison and its kin, `|| & | << >>`, `+ -`, `* / %`, unary minus,
//! `-> ->> AT TIME ZONE`, `::`, `[…] .`.

mod forms;
mod nested;
mod types;

use std::ops::Range;

use super::ExprError;
use super::ast::{Ast, AstKind, BinaryOp, Negated, OrderItem, SelectItem};
use super::lexer::{Kind, Token, tokens};
use super::value::Scalar;
use crate::data::{DataType, text};

/// How deep parentheses, calls and operators may nest.
pub const DEPTH_MAX: usize = 128;
/// How many operators of a text may stand behind another one on the same level (`a + b + c …`), so that trees can
/// be dropped safely. AND and OR are flat and do not count.
const LINKS_MAX: usize = 4000;
/// How high the tree may be: what walks it is recursive.
const HEIGHT_MAX: usize = 256;

/// How many parts an expression may have once those that are computed several times stand there as often.
const SIZE_MAX: u64 = 1 << 17;

type Result<T> = std::result::Result<T, ExprError>;

/// Words that cannot be names of columns without quotes.
const RESERVED: [&str; 17] = [
    "and", "or", "not", "is", "in", "like", "ilike", "between", "case", "when", "then", "else", "as", "null", "true",
    "false", "select",
];

/// Words that may follow a value.
const OPERATOR_WORDS: [&str; 14] =
    ["and", "or", "not", "is", "in", "like", "ilike", "between", "as", "asc", "desc", "nulls", "then", "end"];

mod power {
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const CONCAT: u8 = 5;
    pub const ADD: u8 = 6;
    pub const MULTIPLY: u8 = 7;
    pub const NEGATE: u8 = 8;
    /// `->`, `->>` and AT TIME ZONE.
    pub const REACH: u8 = 9;
    pub const CAST: u8 = 10;
}

/// Parses an expression; nothing may follow it.
pub fn parse(text: &str) -> Result<Ast> {
    let mut parser = Parser::new(text)?;
    let ast = parser.top()?;
    parser.expect_end("an expression")?;
    Ok(ast)
}

/// Parses an item of a select list: `expr AS name`, a column, `*` or `* EXCEPT (a, b)`.
pub fn parse_item(text: &str) -> Result<SelectItem> {
    let mut parser = Parser::new(text)?;
    if parser.is_symbol("*") {
        return parser.all();
    }
    let ast = parser.top()?;
    if parser.eat_word("as") {
        let (name, name_span) = parser.name("a name behind AS")?;
        parser.expect_end("an item")?;
        return Ok(SelectItem::Expr { ast, name, name_span });
    }
    if let (Kind::Word(word), Kind::End) = (&parser.peek().kind, &parser.peek_at(1).kind) {
        let message = format!("a name follows the expression `{}` without AS", &text[ast.span.clone()]);
        return Err(ExprError::new(parser.peek().span.clone(), message, "AS is missing")
            .help(format!("write `{} AS {word}`", &text[ast.span])));
    }
    parser.expect_end("an item")?;
    match &ast.kind {
        AstKind::Column { name, .. } => {
            let (name, name_span) = (name.clone(), ast.span.clone());
            Ok(SelectItem::Expr { ast, name, name_span })
        }
        AstKind::Literal(Scalar::Int(_), _) => {
            Err(ExprError::new(ast.span.clone(), "columns go by name, not by number", "a constant, which needs AS")
                .help(format!("write the column's name, or `{} AS name` for the constant", &text[ast.span])))
        }
        _ => Err(ExprError::new(ast.span.clone(), "an expression needs a name", "needs AS")
            .help(format!("write `{} AS name`", &text[ast.span]))),
    }
}

/// Parses an item of an order list: `expr [ASC | DESC] [NULLS FIRST | LAST]`.
pub fn parse_order(text: &str) -> Result<OrderItem> {
    let mut parser = Parser::new(text)?;
    let ast = parser.top()?;
    let descending = parser.eat_word("desc") || {
        parser.eat_word("asc");
        false
    };
    let mut nulls_first = !descending;
    if parser.eat_word("nulls") {
        nulls_first = parser.eat_word("first");
        if !nulls_first && !parser.eat_word("last") {
            return Err(parser.unexpected("FIRST or LAST behind NULLS"));
        }
    }
    parser.expect_end("the item")?;
    Ok(OrderItem { ast, descending, nulls_first })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    links: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Parser> {
        let tokens = tokens(text)?;
        if tokens.len() == 1 {
            return Err(ExprError::new(0..text.len(), "an expression is empty", "expected an expression"));
        }
        let parser = Parser { tokens, at: 0, depth: 0, links: 0 };
        match parser.clause() {
            Some(error) => Err(error),
            None => Ok(parser),
        }
    }

    /// A clause of a statement, where only its expression belongs: `WHERE a > 5`. The words may also be columns.
    fn clause(&self) -> Option<ExprError> {
        let Kind::Word(first) = &self.peek().kind else { return None };
        let follows = &self.peek_at(1).kind;
        let word =
            |words: &[&str]| matches!(follows, Kind::Word(w) if words.contains(&w.to_ascii_lowercase().as_str()));
        let value = matches!(follows, Kind::Word(_) | Kind::Quoted(_)) && !word(&OPERATOR_WORDS);
        let (words, help) = match first.to_ascii_lowercase().as_str() {
            "select" if value || matches!(follows, Kind::Symbol("*")) => {
                (1, "the `sql` transform is not there yet: write the items alone, each as a string of its own")
            }
            "where" if value => (1, "write the condition alone"),
            "having" if value => (1, "write the condition alone"),
            "group" if word(&["by"]) => (2, "write the keys alone, each as a string of its own: by = [\"a\", \"b\"]"),
            "order" if word(&["by"]) => (2, "write the items alone, each as a string of its own: order = [\"n DESC\"]"),
            _ => return None,
        };
        let span = self.peek().span.start..self.peek_at(words - 1).span.end;
        let message = "an expression is expected here, not a clause";
        Some(ExprError::new(span, message, "leave this out").help(help))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    /// The next token; the end is never passed.
    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, Kind::Symbol(s) if s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, Kind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let is = self.is_symbol(symbol);
        if is {
            self.next();
        }
        is
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        if is {
            self.next();
        }
        is
    }

    /// End of the token before this one.
    fn end(&self) -> usize {
        if self.at == 0 { 0 } else { self.tokens[self.at - 1].span.end }
    }

    fn unexpected(&self, expected: &str) -> ExprError {
        let token = self.peek();
        let mut span = token.span.clone();
        if token.kind == Kind::End {
            // The caret stands behind the last word, not behind trailing spaces.
            span = self.end()..self.end();
        }
        ExprError::new(span, format!("expected {expected}, found {}", token.describe()), format!("expected {expected}"))
    }

    fn expect_word(&mut self, word: &str, place: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("{} {place}", word.to_uppercase()))) }
    }

    /// The `)` that belongs to the `(` at `open`.
    fn close(&mut self, open: &Range<usize>) -> Result<()> {
        if self.eat_symbol(")") {
            return Ok(());
        }
        if self.peek().kind == Kind::End {
            return Err(ExprError::new(open.clone(), "a parenthesis is not closed", "`)` is missing for this one"));
        }
        Err(self.operator_hint().unwrap_or_else(|| self.unexpected("`)`")))
    }

    fn expect_end(&self, behind: &str) -> Result<()> {
        let token = self.peek();
        let error = |message: String, label: &str| ExprError::new(token.span.clone(), message, label);
        match &token.kind {
            Kind::End => Ok(()),
            Kind::Symbol(")") => {
                Err(error("a parenthesis is closed but was not opened".into(), "no `(` belongs to it"))
            }
            _ if let Some(error) = self.operator_hint() => Err(error),
            Kind::Symbol(",") => Err(error(format!("a comma follows {behind}"), "one expression is expected here")
                .help("every item of a list is a string of its own")),
            _ => {
                let error = error(format!("{} follows {behind}", token.describe()), "an operator is expected here");
                Err(ExprError { help: self.glued(token), ..error })
            }
        }
    }

    /// What two values side by side may have been meant to be.
    fn glued(&self, token: &Token) -> Option<String> {
        let Kind::Word(before) = &self.tokens[self.at.checked_sub(1)?].kind else { return None };
        match (&token.kind, &self.peek_at(1).kind) {
            (Kind::Number(number), Kind::Word(unit)) if before.eq_ignore_ascii_case("interval") => {
                Some(format!("write INTERVAL '{number}' {}", unit.to_uppercase()))
            }
            (Kind::Word(name), Kind::Word(_) | Kind::Text(_) | Kind::Number(_))
                if super::function::find(&name.to_ascii_lowercase()).is_some() =>
            {
                Some(format!("it is a function: {name}({before}, …)"))
            }
            (Kind::Word(word), Kind::Word(next)) if next.eq_ignore_ascii_case("as") => {
                Some(format!("a name with a blank goes in double quotes: \"{before} {word}\""))
            }
            (Kind::Word(word), _) if ["descending", "ascending"].contains(&word.to_ascii_lowercase().as_str()) => {
                Some("write DESC or ASC".into())
            }
            _ => None,
        }
    }

    /// Operators of other languages.
    fn operator_hint(&self) -> Option<ExprError> {
        let Kind::Symbol(symbol) = self.peek().kind else { return None };
        let help = match symbol {
            "==" | ":=" => "write `=`",
            "&&" => "write AND",
            "=~" => "write `~`, with the pattern in single quotes",
            "**" => "write power(x, y)",
            "//" => "write `/`, which truncates between ints",
            "=>" => "write `>=`",
            "<=>" => "write IS NOT DISTINCT FROM",
            "?" | "??" => "write CASE WHEN … THEN … ELSE … END, or coalesce(a, b) for another value than null",
            "." => "a column is written without a dot in front",
            ";" => "an expression has no `;`",
            _ => return None,
        };
        Some(
            ExprError::new(self.peek().span.clone(), format!("`{symbol}` is not an operator"), "unknown operator")
                .help(help),
        )
    }

    /// A name, quoted or not.
    fn name(&mut self, expected: &str) -> Result<(String, Range<usize>)> {
        match self.peek().kind.clone() {
            Kind::Word(word) if !RESERVED.contains(&word.to_ascii_lowercase().as_str()) => Ok((word, self.next().span)),
            Kind::Quoted(name) => Ok((name, self.next().span)),
            Kind::Word(word) => {
                Err(self.unexpected(expected).help(format!("`{word}` is a reserved word: write \"{word}\"")))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn all(mut self) -> Result<SelectItem> {
        let start = self.next().span.start;
        let mut except = Vec::new();
        if self.eat_word("except") || self.eat_word("exclude") {
            let open = self.peek().span.clone();
            if !self.eat_symbol("(") {
                return Err(self.unexpected("`(` behind EXCEPT"));
            }
            loop {
                except.push(self.name("a column")?);
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.close(&open)?;
        }
        let span = start..self.end();
        self.expect_end("`*`")?;
        Ok(SelectItem::All { except, span })
    }

    /// An expression whose operators bind tighter than `floor`.
    fn expr(&mut self, floor: u8) -> Result<Ast> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep(self.peek().span.clone()));
        }
        let mut left = self.prefix()?;
        let mut first = true;
        loop {
            let before = self.at;
            left = match self.infix(left, floor)? {
                (next, true) => next,
                (done, false) => {
                    self.depth -= 1;
                    return Ok(done);
                }
            };
            self.links += usize::from(!first);
            first = false;
            if self.links > LINKS_MAX {
                return Err(too_deep(self.tokens[before].span.clone()));
            }
        }
    }

    /// A whole expression, whose height and size are checked.
    fn top(&mut self) -> Result<Ast> {
        let ast = self.expr(0)?;
        let mut open = vec![(&ast, 1, 1u64)];
        let mut size = 0u64;
        while let Some((node, height, times)) = open.pop() {
            if height > HEIGHT_MAX {
                return Err(too_deep(node.span.clone()));
            }
            size = size.saturating_add(times);
            if size > SIZE_MAX {
                return Err(ExprError::new(
                    ast.span.clone(),
                    "the expression repeats its parts too often",
                    "too large",
                )
                .help("compute the inner part in a `select` before this, and use its column here"));
            }
            let repeated = |child: &Ast| times.saturating_mul(node.repeats(child));
            open.extend(node.children().into_iter().map(|child| (child, height + 1, repeated(child))));
        }
        Ok(ast)
    }

    /// Takes an operator behind `left`, if there is one above `floor`.
    fn infix(&mut self, left: Ast, floor: u8) -> Result<(Ast, bool)> {
        use BinaryOp::*;
        let (op, strength) = match self.peek().kind.clone() {
            Kind::Symbol(symbol) => match symbol {
                "=" => (Equal, power::COMPARE),
                "<>" | "!=" => (NotEqual, power::COMPARE),
                "<" => (Less, power::COMPARE),
                "<=" => (LessEqual, power::COMPARE),
                ">" => (Greater, power::COMPARE),
                ">=" => (GreaterEqual, power::COMPARE),
                "||" => (Concat, power::CONCAT),
                "+" => (Add, power::ADD),
                "-" => (Subtract, power::ADD),
                "*" => (Multiply, power::MULTIPLY),
                "/" => (Divide, power::MULTIPLY),
                "%" => (Modulo, power::MULTIPLY),
                "~" | "~*" | "!~" | "!~*" if floor < power::COMPARE => return Ok((self.regex(left, symbol)?, true)),
                "&" | "|" | "<<" | ">>" if floor < power::CONCAT => return Ok((self.bits(left, symbol)?, true)),
                "->" | "->>" if floor < power::REACH => return Ok((self.reach(left, symbol)?, true)),
                "[" => return Ok((self.item(left)?, true)),
                "." => return Ok((self.field(left)?, true)),
                "::" if floor < power::CAST => return Ok((self.cast_suffix(left)?, true)),
                _ => return Ok((left, false)),
            },
            Kind::Word(word) => return self.word_operator(left, &word.to_ascii_lowercase(), floor),
            _ => return Ok((left, false)),
        };
        if strength <= floor {
            return Ok((left, false));
        }
        self.next();
        let right = self.expr(strength)?;
        let span = left.span.start..right.span.end;
        Ok((Ast { kind: AstKind::Binary(op, Box::new(left), Box::new(right)), span }, true))
    }

    fn regex(&mut self, left: Ast, symbol: &str) -> Result<Ast> {
        self.next();
        let pattern = self.expr(power::COMPARE)?;
        let span = left.span.start..pattern.span.end;
        let kind = AstKind::Regex {
            value: Box::new(left),
            pattern: Box::new(pattern),
            ignore_case: symbol.ends_with('*'),
            negated: Negated::from_bool(symbol.starts_with('!')),
        };
        Ok(Ast { kind, span })
    }

    /// Operators on bits are calls.
    fn bits(&mut self, left: Ast, symbol: &str) -> Result<Ast> {
        let head = self.next().span;
        let right = self.expr(power::CONCAT)?;
        let name = match symbol {
            "&" => "bitand",
            "|" => "bitor",
            "<<" => "shift_left",
            _ => "shift_right",
        };
        Ok(self.infix_call(name, head, vec![left, right]))
    }

    /// `json -> key` and `json ->> key`.
    fn reach(&mut self, left: Ast, symbol: &str) -> Result<Ast> {
        let head = self.next().span;
        let key = self.expr(power::REACH)?;
        Ok(self.infix_call(if symbol == "->" { "json_get" } else { "json_get_text" }, head, vec![left, key]))
    }

    fn cast_suffix(&mut self, left: Ast) -> Result<Ast> {
        self.next();
        let ty = self.data_type()?;
        let span = left.span.start..self.end();
        Ok(Ast { kind: AstKind::Cast { value: Box::new(left), ty, try_: false }, span })
    }

    fn word_operator(&mut self, left: Ast, word: &str, floor: u8) -> Result<(Ast, bool)> {
        let is_chain = |word: &str| word == "and" || word == "or";
        let strength = match word {
            "or" => power::OR,
            "and" => power::AND,
            "is" | "in" | "between" | "like" | "ilike" | "not" => power::COMPARE,
            "at" if self.is_time_zone() => power::REACH,
            _ => return Ok((left, false)),
        };
        if strength <= floor {
            return Ok((left, false));
        }
        if is_chain(word) {
            return Ok((self.logic(left, word, strength)?, true));
        }
        if word == "at" {
            return Ok((self.at_time_zone(left)?, true));
        }
        Ok((self.predicate(left)?, true))
    }

    /// `a AND b AND c …` as one flat node, so that long chains do not nest.
    fn logic(&mut self, left: Ast, word: &str, strength: u8) -> Result<Ast> {
        let start = left.span.start;
        let mut parts = vec![left];
        while self.eat_word(word) {
            parts.push(self.expr(strength)?);
        }
        let span = start..self.end();
        let kind = if word == "and" { AstKind::And(parts) } else { AstKind::Or(parts) };
        Ok(Ast { kind, span })
    }

    fn prefix(&mut self) -> Result<Ast> {
        let token = self.peek().clone();
        let start = token.span.start;
        match token.kind {
            Kind::Number(number) => {
                self.next();
                number_literal(&number, token.span, Negated::No)
            }
            Kind::Text(text) => {
                self.next();
                Ok(literal(Scalar::String(text.into()), DataType::String, token.span))
            }
            Kind::Quoted(name) => {
                self.next();
                Ok(Ast { kind: AstKind::Column { name, quoted: true }, span: token.span })
            }
            Kind::Symbol("(") => {
                self.next();
                let mut inner = self.expr(0)?;
                self.close(&token.span)?;
                inner.span = start..self.end();
                Ok(inner)
            }
            Kind::Symbol("[") => self.list_of(start),
            Kind::Symbol("-") => self.minus(start),
            Kind::Symbol("+") => {
                self.next();
                self.expr(power::NEGATE)
            }
            Kind::Symbol("*") => {
                Err(self.unexpected("an expression").help("`*` stands alone in a select list, or in count(*)"))
            }
            Kind::Symbol(_) | Kind::End => {
                Err(self.operator_hint().unwrap_or_else(|| self.unexpected("an expression")))
            }
            Kind::Word(word) => self.word(&word, token.span),
        }
    }

    fn minus(&mut self, start: usize) -> Result<Ast> {
        self.next();
        // The least int has no positive counterpart, so a sign belongs to the number it stands before.
        if let Kind::Number(number) = self.peek().kind.clone()
            && self.peek_at(1).kind != Kind::Symbol("::")
        {
            let span = start..self.next().span.end;
            return number_literal(&number, span, Negated::Yes);
        }
        let value = self.expr(power::NEGATE)?;
        let span = start..value.span.end;
        Ok(Ast { kind: AstKind::Negate(Box::new(value)), span })
    }
}

fn too_deep(span: Range<usize>) -> ExprError {
    ExprError::new(span, "the expression nests too deep", "too deep")
        .help(format!("at most {DEPTH_MAX} parentheses and {HEIGHT_MAX} operators may enclose each other"))
}

fn literal(value: Scalar, ty: DataType, span: Range<usize>) -> Ast {
    Ast { kind: AstKind::Literal(value, ty), span }
}

/// `1` is an int, `1.0` a decimal, `1e0` a double.
fn number_literal(digits: &str, span: Range<usize>, negated: Negated) -> Result<Ast> {
    let sign = if negated == Negated::Yes { "-" } else { "" };
    let text = format!("{sign}{}", digits.replace('_', ""));
    let too_large = |ty: &str| {
        ExprError::new(span.clone(), format!("the number is too large for {ty}"), format!("does not fit {ty}"))
    };
    if text.contains(['e', 'E']) {
        let value = text::parse_double(text.as_bytes()).ok_or_else(|| too_large("double"))?;
        return Ok(literal(Scalar::Double(value), DataType::Double, span));
    }
    let Some(point) = text.find('.') else {
        return match text::parse_int(text.as_bytes()) {
            Some(value) => Ok(literal(Scalar::Int(value), DataType::Int, span)),
            None => decimal_literal(&text, 0, span.clone()).ok_or_else(|| too_large("int and decimal(38,0)")),
        };
    };
    let scale = text.len() - point - 1;
    decimal_literal(&text, scale, span.clone())
        .ok_or_else(|| too_large("decimal(38)").help("write it with an exponent, `1.5e0`, for a double"))
}

fn decimal_literal(digits: &str, scale: usize, span: Range<usize>) -> Option<Ast> {
    let scale = u8::try_from(scale).ok().filter(|s| *s <= super::types::PRECISION_MAX)?;
    let value = text::parse_decimal(digits.as_bytes(), super::types::PRECISION_MAX, scale).ok()?;
    let precision = super::types::digits(value).max(scale).max(1);
    Some(literal(Scalar::Decimal(value), DataType::Decimal { precision, scale }, span))
}
