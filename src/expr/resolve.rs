//! [`Ast`] to [`Typed`]: names are found, types settled, constants folded.
//!
//! Calls are in `resolve/call.rs`, operators in `resolve/operator.rs`. What a name or an aggregate means beside
//! the columns of a schema is up to a [`Hook`], which the select list of an aggregation brings.

mod call;
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
use crate::data::{DataType, Schema, text};

type Result<T> = std::result::Result<T, ExprError>;

/// Resolves an expression over the columns of `schema`. Aggregates are errors.
pub fn resolve(ast: &Ast, schema: &Schema) -> Result<Typed> {
    Resolver { schema, hook: None }.resolve(ast)
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
            AstKind::TimestampText(text) => timestamp(text, &ast.span),
            AstKind::Interval(_) => Err(ExprError::new(ast.span.clone(), "an interval stands alone", "not a value")
                .help("an interval can only be added to or subtracted from a timestamp")),
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
                let regex =
                    regex::RegexBuilder::new(&text).case_insensitive(*ignore_case).build().map_err(|error| {
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
            && let Some(error) = hook.unknown_column(name, span)
        {
            return Err(error);
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
                return Err(ExprError::new(value.span.clone(), error.message, format!("not a {ty}")));
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
                    None if part.ty == DataType::Timestamp && ty == DataType::String => part.ty,
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

/// The type two values share; a constant text may be a timestamp.
fn common_of_values(ty: DataType, part: &Typed) -> Option<DataType> {
    if ty == DataType::Timestamp && part.ty == DataType::String && part.is_constant() {
        return Some(ty);
    }
    common(ty, part.ty)
}

fn not(typed: Typed) -> Typed {
    Typed::new(DataType::Boolean, Node::Not(Box::new(typed)))
}

fn timestamp(text: &str, span: &Range<usize>) -> Result<Typed> {
    match text::parse_timestamp(text.trim_ascii().as_bytes()) {
        Some(micros) => Ok(Typed::literal(Scalar::Timestamp(micros), DataType::Timestamp)),
        None => Err(ExprError::new(span.clone(), format!("'{text}' is not a timestamp"), "not a timestamp")
            .help("timestamps look like '2015-05-17T10:05:00Z' or '2015-05-17 10:05:00'")),
    }
}

/// Replaces an expression of constants by its value. One that fails stays, since no row may reach it.
pub(super) fn fold(typed: Typed) -> Typed {
    if typed.is_constant() || typed.as_column().is_some() || !typed.children().iter().all(|c| c.is_constant()) {
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
    if !(typed.ty.is_numeric() && ty.is_numeric()) {
        return Err(typed);
    }
    Ok(fold(Typed::new(ty, Node::Cast { value: Box::new(typed), try_: false })))
}

/// As [`coerce`], with a constant text as a timestamp, and an error at `ast`.
fn coerce_at(typed: Typed, ty: DataType, ast: &Ast) -> Result<Typed> {
    if ty == DataType::Timestamp
        && let Some(Scalar::String(text)) = typed.as_constant()
    {
        return timestamp(text, &ast.span);
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
        None if quoted => error.help(format!("text goes in single quotes: '{name}'. Columns: {columns}")),
        None => error.help(format!("columns: {columns}")),
    }
}
