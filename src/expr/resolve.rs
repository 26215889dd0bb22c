//! [`Ast`] to [`Typed`]: names are found, types settled, constants folded.
//!
//! Calls are in `resolve/call.rs`, operators in `resolve/operator.rs`. What a name or an aggregate means beside
//! the columns of a schema is up to a [`Hook`], which the select list of an aggregation brings.

mod call;
mod nested;
mod operator;

use std::ops::Range;
use std::sync::Arc;

use super::ExprError;
use super::ast::{Ast, AstKind, BinaryOp, Call, Negated};
use super::error::{list, nearest};
use super::kernel::like::LikePattern;
use super::typed::{Node, Typed};
use super::types::{can_cast, common};
use super::value::Scalar;
use crate::data::{DataType, Interval, Schema, calendar, text};

type Result<T> = std::result::Result<T, ExprError>;

/// Resolves an expression over the columns of `schema`. Aggregates are errors.
pub fn resolve(ast: &Ast, schema: &Schema) -> Result<Typed> {
    resolve_noting(ast, schema).map(|(typed, _)| typed)
}

/// As [`resolve`], with the places of divisions that cut their result: int by int.
pub fn resolve_noting(ast: &Ast, schema: &Schema) -> Result<(Typed, Vec<Range<usize>>)> {
    let mut resolver = Resolver { schema, hook: None, cuts: Vec::new() };
    let typed = resolver.resolve(ast)?;
    Ok((typed, resolver.cuts))
}

/// What stands in for parts of an expression.
pub(super) trait Hook {
    /// Asked for every part before its own parts; `None`: as usual.
    fn replace(&mut self, ast: &Ast) -> Option<Result<Typed>>;
    /// An aggregate call.
    fn aggregate(&mut self, call: &Call, span: &Range<usize>) -> Result<Typed>;
    /// A column that is not in the schema.
    fn unknown_column(&mut self, name: &str, span: &Range<usize>) -> Option<ExprError>;
}

pub(super) struct Resolver<'a> {
    pub schema: &'a Schema,
    pub hook: Option<&'a mut dyn Hook>,
    /// Places of divisions of an int by an int, each once.
    pub cuts: Vec<Range<usize>>,
}

impl Resolver<'_> {
    pub fn resolve(&mut self, ast: &Ast) -> Result<Typed> {
        if let Some(hook) = &mut self.hook
            && let Some(replaced) = hook.replace(ast)
        {
            return replaced;
        }
        self.node(ast).map(fold)
    }

    fn node(&mut self, ast: &Ast) -> Result<Typed> {
        let boolean = |node| Ok(Typed::new(DataType::Boolean, node));
        match &ast.kind {
            AstKind::Column { name, quoted } => self.column(name, *quoted, &ast.span),
            AstKind::Literal(value, ty) => Ok(Typed::literal(value.clone(), *ty)),
            AstKind::TypedText(ty, text) => of_text(text, *ty, &ast.span),
            AstKind::Field(value, name, span) => self.field(value, name, span),
            AstKind::Struct(fields) => self.structure(fields),
            AstKind::Negate(a) => self.negate(a),
            AstKind::Not(a) => boolean(Node::Not(Box::new(self.condition(a, "NOT")?))),
            AstKind::And(parts) => boolean(Node::And(self.conditions(parts, "AND")?)),
            AstKind::Or(parts) => boolean(Node::Or(self.conditions(parts, "OR")?)),
            AstKind::Binary(op, a, b) => self.binary(*op, a, b, &ast.span),
            AstKind::IsNull(a, negated) => boolean(Node::IsNull(Box::new(self.resolve(a)?), *negated)),
            AstKind::IsTruth(a, truth, negated) => {
                boolean(Node::IsTruth(Box::new(self.condition(a, "IS TRUE")?), *truth, *negated))
            }
            AstKind::In(value, items, negated) => self.in_list(value, items, *negated),
            AstKind::Between(value, low, high, negated) => {
                let above = self.binary(BinaryOp::GreaterEqual, value, low, &ast.span)?;
                let below = self.binary(BinaryOp::LessEqual, value, high, &ast.span)?;
                let between = Typed::new(DataType::Boolean, Node::And(vec![above, below]));
                Ok(if *negated == Negated::Yes { not(between) } else { between })
            }
            AstKind::Like { value, pattern, escape, ignore_case, negated } => {
                let value = self.text(value, "LIKE")?;
                let text = self.pattern(pattern, "LIKE")?;
                let compiled = LikePattern::new(&text, *escape, *ignore_case)
                    .map_err(|message| ExprError::new(pattern.span.clone(), message, "not a pattern"))?;
                boolean(Node::Like(Box::new(value), compiled, *negated))
            }
            AstKind::Regex { value, pattern, ignore_case, negated } => {
                let value = self.text(value, "~")?;
                let text = self.pattern(pattern, "~")?;
                let regex = regex::Regex::new(&if *ignore_case { format!("(?i){text}") } else { text.to_string() })
                    .map_err(|error| {
                        let message = super::function::pattern_error(&error);
                        ExprError::new(pattern.span.clone(), message, "not a regular expression")
                    })?;
                boolean(Node::Regex(Box::new(value), Arc::new(regex), *negated))
            }
            AstKind::Case { operand, whens, otherwise } => self.case(operand.as_deref(), whens, otherwise.as_deref()),
            AstKind::Cast { value, ty, try_ } => self.cast(value, *ty, *try_, &ast.span),
            AstKind::Call(call) => self.call(call, &ast.span),
        }
    }

    fn column(&mut self, name: &str, quoted: bool, span: &Range<usize>) -> Result<Typed> {
        if let Some(index) = self.schema.index_of(name) {
            return Ok(Typed::column(index, name, self.schema.fields[index].ty));
        }
        if let Some(hook) = &mut self.hook
            && wall_time(&name.to_ascii_lowercase()).is_none()
            && let Some(error) = hook.unknown_column(name, span)
        {
            return Err(error);
        }
        // Written without parentheses, as in SQL; a column of the name comes first.
        if let Some(now) = wall_time(&name.to_ascii_lowercase()).filter(|_| !quoted) {
            return Ok(now);
        }
        Err(unknown_column(name, quoted, span, self.schema))
    }

    fn condition(&mut self, ast: &Ast, place: &str) -> Result<Typed> {
        let typed = self.resolve(ast)?;
        coerce(typed, DataType::Boolean).map_err(|typed| {
            ExprError::new(
                ast.span.clone(),
                format!("{place} takes a boolean, not {}", typed.ty),
                format!("this is {}", typed.ty),
            )
            .help("compare it with something, such as `x <> 0`")
        })
    }

    fn conditions(&mut self, parts: &[Ast], place: &str) -> Result<Vec<Typed>> {
        parts.iter().map(|part| self.condition(part, place)).collect()
    }

    fn text(&mut self, ast: &Ast, place: &str) -> Result<Typed> {
        let typed = self.resolve(ast)?;
        coerce(typed, DataType::String)
            .map_err(|typed| type_error(ast, &format!("{place} takes a string"), typed.ty, DataType::String))
    }

    fn pattern(&mut self, ast: &Ast, place: &str) -> Result<Arc<str>> {
        match self.resolve(ast)?.as_constant() {
            Some(Scalar::String(text)) => Ok(text.clone()),
            _ => Err(ExprError::new(
                ast.span.clone(),
                format!("the pattern of {place} must be a constant text"),
                "not a constant text",
            )),
        }
    }

    fn cast(&mut self, value: &Ast, ty: DataType, try_: bool, span: &Range<usize>) -> Result<Typed> {
        let from = self.resolve(value)?;
        if from.is_null_literal() {
            return Ok(Typed::literal(Scalar::Null, ty));
        }
        if !can_cast(from.ty, ty) {
            let error = ExprError::new(
                span.clone(),
                format!("{} cannot be cast to {ty}", from.ty),
                format!("this is {}", from.ty),
            );
            return Err(match (from.ty, ty) {
                (DataType::Int, DataType::Timestamp) => {
                    error.help("use to_timestamp_s(x), to_timestamp_ms(x) or to_timestamp_us(x)")
                }
                (DataType::Timestamp, DataType::Int) => error.help("use epoch_ms(x) or extract(epoch FROM x)"),
                _ => error,
            });
        }
        if from.ty == ty {
            return Ok(from);
        }
        let constant = from.is_constant();
        let cast = Typed::new(ty, Node::Cast { value: Box::new(from), try_ });
        if constant && !try_ {
            // A constant that never converts is a mistake in the text, not in a row.
            if let Err(error) = cast.eval(&crate::data::Batch::new(Vec::new(), 1)) {
                return Err(ExprError::new(value.span.clone(), error.message, format!("cannot be cast to {ty}")));
            }
        }
        Ok(cast)
    }

    fn case(&mut self, operand: Option<&Ast>, whens: &[(Ast, Ast)], otherwise: Option<&Ast>) -> Result<Typed> {
        let mut conditions = Vec::with_capacity(whens.len());
        for (when, _) in whens {
            conditions.push(match operand {
                None => self.condition(when, "WHEN")?,
                Some(operand) => self.binary(BinaryOp::Equal, operand, when, &when.span)?,
            });
        }
        let branches: Vec<&Ast> = whens.iter().map(|(_, then)| then).chain(otherwise).collect();
        let mut values = self.unified(&branches, "the branches of CASE")?;
        let ty = values[0].ty;
        let otherwise =
            if otherwise.is_some() { values.pop() } else { None }.unwrap_or_else(|| Typed::literal(Scalar::Null, ty));
        let whens = conditions.into_iter().zip(values).collect();
        Ok(Typed::new(ty, Node::Case { whens, otherwise: Box::new(otherwise) }))
    }

    /// Resolves expressions and brings them to one type.
    fn unified(&mut self, parts: &[&Ast], what: &str) -> Result<Vec<Typed>> {
        let typed = parts.iter().map(|part| self.resolve(part)).collect::<Result<Vec<Typed>>>()?;
        let mut ty: Option<DataType> = None;
        for (part, ast) in typed.iter().zip(parts) {
            if part.is_null_literal() {
                continue;
            }
            ty = Some(match ty {
                None => part.ty,
                Some(ty) => match common_of_values(ty, part) {
                    Some(ty) => ty,
                    // Text before a timestamp: the timestamp decides, if all that came before is constant.
                    None if is_from_text(part.ty) && ty == DataType::String => part.ty,
                    None => {
                        return Err(type_error(
                            ast,
                            &format!("{what} must have one type; before this it is {ty}"),
                            part.ty,
                            ty,
                        ));
                    }
                },
            });
        }
        let ty = ty.unwrap_or(DataType::String);
        typed.into_iter().zip(parts).map(|(part, ast)| coerce_at(part, ty, ast)).collect()
    }

    fn in_list(&mut self, value: &Ast, items: &[Ast], negated: Negated) -> Result<Typed> {
        let parts: Vec<&Ast> = std::iter::once(value).chain(items).collect();
        let mut typed = self.unified(&parts, "a value and the list behind IN")?;
        let value = typed.remove(0);
        if typed.iter().all(Typed::is_constant) {
            let list = typed.iter().filter_map(Typed::as_constant);
            let has_null = typed.iter().any(Typed::is_null_literal);
            let list = list.filter(|v| !v.is_null()).cloned().collect();
            return Ok(Typed::new(DataType::Boolean, Node::In { value: Box::new(value), list, has_null, negated }));
        }
        let same = |item| {
            Typed::new(DataType::Boolean, Node::Compare(BinaryOp::Equal, Box::new(value.clone()), Box::new(item)))
        };
        let any = Typed::new(DataType::Boolean, Node::Or(typed.into_iter().map(same).collect()));
        Ok(if negated == Negated::Yes { not(any) } else { any })
    }
}

/// Types that a constant text beside them is read as.
pub(super) fn is_from_text(ty: DataType) -> bool {
    matches!(ty, DataType::Timestamp | DataType::Date | DataType::Interval)
}

/// The type two values share; a constant text may be a timestamp.
fn common_of_values(ty: DataType, part: &Typed) -> Option<DataType> {
    if is_from_text(ty) && part.ty == DataType::String && part.is_constant() {
        return Some(ty);
    }
    common(ty, part.ty)
}

fn not(typed: Typed) -> Typed {
    Typed::new(DataType::Boolean, Node::Not(Box::new(typed)))
}

/// A constant text as a timestamp, date or interval.
fn of_text(text: &str, ty: DataType, span: &Range<usize>) -> Result<Typed> {
    let plain = text.trim_ascii();
    let (value, help) = match ty {
        DataType::Date => (calendar::parse_date(plain.as_bytes()).map(Scalar::Date), "dates look like '2015-05-17'"),
        DataType::Interval => {
            (Interval::parse(plain).map(Scalar::Interval), "intervals look like '5 minutes' or '1h 30m'")
        }
        _ => {
            let micros = text::parse_timestamp(plain.as_bytes());
            (micros.map(Scalar::Timestamp), "timestamps look like '2015-05-17T10:05:00Z' or '2015-05-17 10:05:00'")
        }
    };
    match value {
        Some(value) => Ok(Typed::literal(value, ty)),
        None => {
            let article = if ty == DataType::Interval { "an" } else { "a" };
            let label = format!("not {article} {ty}");
            Err(ExprError::new(span.clone(), format!("'{text}' is not {article} {ty}"), label).help(help))
        }
    }
}

/// `now()` and its kin.
pub(super) fn wall_time(name: &str) -> Option<Typed> {
    let now = Typed::new(DataType::Timestamp, Node::Now);
    match name {
        "now" | "current_timestamp" | "localtimestamp" => Some(now),
        "current_date" | "today" => Some(Typed::new(DataType::Date, Node::Cast { value: Box::new(now), try_: false })),
        _ => None,
    }
}

/// Replaces an expression of constants by its value. One that fails stays, since no row may reach it.
pub(super) fn fold(typed: Typed) -> Typed {
    if typed.is_constant()
        || typed.as_column().is_some()
        || matches!(typed.node, Node::Now)
        || !typed.children().iter().all(|c| c.is_constant())
    {
        return typed;
    }
    match typed.fold() {
        Some(value) => Typed::literal(value, typed.ty),
        None => typed,
    }
}

/// Converts without being asked, or gives the expression back.
fn coerce(typed: Typed, ty: DataType) -> std::result::Result<Typed, Typed> {
    if typed.ty == ty {
        return Ok(typed);
    }
    if typed.is_null_literal() {
        return Ok(Typed::literal(Scalar::Null, ty));
    }
    let is_list = matches!((typed.ty, ty), (DataType::List(a), DataType::List(b)) if common(*a, *b) == Some(*b));
    let is_date = typed.ty == DataType::Date && ty == DataType::Timestamp;
    if !(typed.ty.is_numeric() && ty.is_numeric() || is_date || is_list) {
        return Err(typed);
    }
    Ok(fold(Typed::new(ty, Node::Cast { value: Box::new(typed), try_: false })))
}

/// As [`coerce`], with a constant text as a timestamp, and an error at `ast`.
fn coerce_at(typed: Typed, ty: DataType, ast: &Ast) -> Result<Typed> {
    if is_from_text(ty)
        && let Some(Scalar::String(text)) = typed.as_constant()
    {
        return of_text(text, ty, &ast.span);
    }
    coerce(typed, ty).map_err(|typed| type_error(ast, &format!("{ty} is expected"), typed.ty, ty))
}

fn type_error(ast: &Ast, rule: &str, found: DataType, wanted: DataType) -> ExprError {
    let error = ExprError::new(ast.span.clone(), format!("{rule}, not {found}"), format!("this is {found}"));
    match (found, wanted) {
        (DataType::Int, DataType::Timestamp) => error.help("use to_timestamp_ms(x), or _s or _us"),
        _ if can_cast(found, wanted) => error.help(format!("write CAST(… AS {wanted})")),
        _ => error,
    }
}

pub(super) fn unknown_column(name: &str, quoted: bool, span: &Range<usize>, schema: &Schema) -> ExprError {
    let error = ExprError::new(span.clone(), format!("there is no column `{name}`"), "unknown column");
    let columns = list(schema.names());
    match nearest(name, schema.names()) {
        Some(near) => error.help(format!("did you mean `{near}`? Columns: {columns}")),
        None if name.strip_prefix('$').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) => {
            error.help(format!("columns go by name, not by number: {columns}"))
        }
        None if quoted => error.help(format!("text goes in single quotes: '{name}'. Columns: {columns}")),
        None if schema.names().eq(["line"]) => error
            .help("the only column is `line`: what else is in the lines, a format can tell, such as \"access-log\""),
        None => error.help(format!("columns: {columns}")),
    }
}
