//! The select list of an aggregation, taken apart: keys and arguments over the input, aggregate calls, and what
//! is computed from their results.

mod call;

use std::ops::Range;

use super::aggregate::AggregateFunction;
use super::ast::{Ast, AstKind, Call, SelectItem};
use super::resolve::{Hook, Resolver, resolve, unknown_column};
use super::typed::{Node, Typed};
use super::{ExprError, Scalar};
use crate::data::{DataType, Field, Schema};
use call::{call_text, find_aggregate, resolve_call};

pub const WINDOW_START: &str = "window_start";
pub const WINDOW_END: &str = "window_end";
/// `window_end` − 1 µs: the event time of a window's results.
pub const WINDOW_TIME: &str = "window_time";

/// An aggregate call over the input's columns.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    pub function: AggregateFunction,
    /// Each combination of arguments counts once.
    pub distinct: bool,
    /// None for `count(*)`.
    pub args: Vec<Typed>,
    pub filter: Option<Typed>,
    /// Type of the result.
    pub ty: DataType,
    /// As it is written, such as `sum(amount)`, for messages.
    pub text: String,
}

/// An aggregation in three steps: keys and arguments from the input; the aggregation, whose results have the
/// columns of `intermediate`; outputs from those.
#[derive(Debug, Clone)]
pub struct AggregatePlan {
    /// Over the input.
    pub keys: Vec<(String, Typed)>,
    /// Each call once, however often it is written.
    pub calls: Vec<AggregateCall>,
    /// Keys, then `window_start` and `window_end` if there are windows, then one column per call. `window_time` is
    /// computed from `window_end`.
    pub intermediate: Schema,
    /// Over `intermediate`.
    pub outputs: Vec<(String, Typed)>,
    /// Over the outputs.
    pub having: Option<Typed>,
    /// Items of the select list, and where in them an int is divided by an int.
    pub cuts: Vec<(usize, Range<usize>)>,
}

impl AggregatePlan {
    /// Names and types of the outputs.
    pub fn schema(&self) -> Schema {
        Schema::new(self.outputs.iter().map(|(name, typed)| (name.as_str(), typed.ty)))
    }
}

/// The text an error is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    By(usize),
    Select(usize),
    Having,
}

/// Resolves an aggregation over `input`. Returns all errors, in order, each with the text it is in.
///
/// A key that is wrong counts as NULL in what follows, which is right wherever anything is, and so does any column that
/// is no key then: it may have been meant to be one. `doubtful`: there are keys that are not among `by`, as they could
/// not be parsed.
pub fn resolve_aggregate(
    by: &[SelectItem],
    select: &[SelectItem],
    having: Option<&Ast>,
    windowed: bool,
    doubtful: bool,
    input: &Schema,
) -> Result<AggregatePlan, Vec<(Part, ExprError)>> {
    let mut errors = Vec::new();
    let mut keys = Vec::new();
    for (i, item) in by.iter().enumerate() {
        let item = as_selected(item, select, input);
        match resolve_key(item, input, windowed, &keys) {
            Ok(key) => keys.push(key),
            Err(error) => {
                errors.push((Part::By(i), error));
                if let SelectItem::Expr { ast, name, .. } = item {
                    keys.push(Key { ast: ast.clone(), name: name.clone(), typed: nothing() });
                }
            }
        }
    }

    let doubtful = doubtful || !errors.is_empty();
    let mut grouping = Grouping { input, windowed, doubtful, keys, calls: Vec::new(), cuts: Vec::new() };
    let mut outputs: Vec<(String, Typed)> = Vec::new();
    let mut asts: Vec<&Ast> = Vec::new();
    let mut cuts = Vec::new();
    for (i, item) in select.iter().enumerate() {
        match resolve_output(item, &outputs, &mut grouping) {
            Ok((ast, output)) => {
                asts.push(ast);
                cuts.extend(grouping.cuts.drain(..).map(|span| (i, span)));
                outputs.push(output);
            }
            Err(error) => errors.push((Part::Select(i), error)),
        }
    }
    if doubtful || !errors.is_empty() {
        return Err(errors);
    }
    let calls = std::mem::take(&mut grouping.calls);
    let mut plan = AggregatePlan {
        intermediate: grouping.intermediate(&calls),
        keys: grouping.keys.into_iter().map(|key| (key.name, key.typed)).collect(),
        calls: calls.into_iter().map(|(_, call)| call).collect(),
        outputs,
        having: None,
        cuts,
    };
    if let Some(having) = having {
        let having = resolve_having(having, &asts, &plan.schema()).map_err(|error| vec![(Part::Having, error)])?;
        plan.having = Some(having);
    }
    Ok(plan)
}

/// NULL, which has a place everywhere.
fn nothing() -> Typed {
    Typed::literal(Scalar::Null, DataType::String)
}

struct Key {
    ast: Ast,
    name: String,
    typed: Typed,
}

/// The item of `by`, or where it names no column but an item of `select`, as in SQL, that one.
fn as_selected<'a>(item: &'a SelectItem, select: &'a [SelectItem], input: &Schema) -> &'a SelectItem {
    let SelectItem::Expr { ast: Ast { kind: AstKind::Column { name, .. }, .. }, .. } = item else { return item };
    if input.index_of(name).is_some() {
        return item;
    }
    let is_meant = |selected: &&SelectItem| match selected {
        SelectItem::Expr { ast, name: given, .. } => {
            given == name && !matches!(ast.kind, AstKind::Column { .. }) && find_aggregate(ast).is_none()
        }
        SelectItem::All { .. } => false,
    };
    select.iter().find(is_meant).unwrap_or(item)
}

fn resolve_key(item: &SelectItem, input: &Schema, windowed: bool, before: &[Key]) -> Result<Key, ExprError> {
    let (ast, name, name_span) = parts(item)?;
    let error = |message: String, label: &str| Err(ExprError::new(name_span.clone(), message, label));
    if before.iter().any(|key| key.name == *name) {
        return error(format!("two keys are named `{name}`"), "named twice");
    }
    if windowed && [WINDOW_START, WINDOW_END, WINDOW_TIME].contains(&name.as_str()) {
        return error(format!("`{name}` is a column of the window"), "not a key")
            .map_err(|e: ExprError| e.help("results are kept apart by window in any case; leave it out of `by`"));
    }
    Ok(Key { ast: ast.clone(), name: name.clone(), typed: resolve(ast, input)? })
}

fn parts(item: &SelectItem) -> Result<(&Ast, &String, &Range<usize>), ExprError> {
    match item {
        SelectItem::Expr { ast, name, name_span } => Ok((ast, name, name_span)),
        SelectItem::All { span, .. } => {
            Err(ExprError::new(span.clone(), "`*` has no place in an aggregation", "not here")
                .help("name the keys and aggregates one by one"))
        }
    }
}

fn resolve_output<'a>(
    item: &'a SelectItem,
    before: &[(String, Typed)],
    grouping: &mut Grouping,
) -> Result<(&'a Ast, (String, Typed)), ExprError> {
    let (ast, name, name_span) = parts(item)?;
    if before.iter().any(|(other, _)| other == name) {
        return Err(ExprError::new(name_span.clone(), format!("two columns are named `{name}`"), "named twice")
            .help("give one of them another name with AS"));
    }
    // Columns are all answered by the hook.
    let no_columns = Schema::default();
    let (typed, cuts) = {
        let mut resolver = Resolver { schema: &no_columns, hook: Some(grouping), cuts: Vec::new() };
        let typed = resolver.resolve(ast)?;
        (typed, resolver.cuts)
    };
    grouping.cuts.extend(cuts);
    Ok((ast, (name.clone(), typed)))
}

struct Grouping<'a> {
    input: &'a Schema,
    windowed: bool,
    /// Not all keys are known.
    doubtful: bool,
    keys: Vec<Key>,
    calls: Vec<(Call, AggregateCall)>,
    /// Places of divisions of an int by an int in the item that is resolved.
    cuts: Vec<Range<usize>>,
}

impl Grouping<'_> {
    fn first_call(&self) -> usize {
        self.keys.len() + if self.windowed { 2 } else { 0 }
    }

    fn intermediate(&self, calls: &[(Call, AggregateCall)]) -> Schema {
        let field = |name: String, ty| Field { name, ty };
        let mut fields: Vec<Field> = self.keys.iter().map(|key| field(key.name.clone(), key.typed.ty)).collect();
        if self.windowed {
            fields.push(field(WINDOW_START.to_owned(), DataType::Timestamp));
            fields.push(field(WINDOW_END.to_owned(), DataType::Timestamp));
        }
        // A name that no column of a job can have: names of calls may repeat names of keys.
        fields.extend(calls.iter().enumerate().map(|(i, (call, c))| field(format!("{}#{i}", call.name), c.ty)));
        Schema { fields }
    }

    fn window_column(&self, name: &str) -> Option<Typed> {
        let start = self.keys.len();
        match name {
            _ if !self.windowed => None,
            WINDOW_START => Some(Typed::column(start, WINDOW_START, DataType::Timestamp)),
            WINDOW_END => Some(Typed::column(start + 1, WINDOW_END, DataType::Timestamp)),
            WINDOW_TIME => {
                let end = Typed::column(start + 1, WINDOW_END, DataType::Timestamp);
                Some(Typed::new(DataType::Timestamp, Node::Shift(Box::new(end), -1)))
            }
            _ => None,
        }
    }
}

impl Hook for Grouping<'_> {
    fn replace(&mut self, ast: &Ast) -> Option<Result<Typed, ExprError>> {
        let same = |key: &Key| match &ast.kind {
            AstKind::Column { name, .. } => *name == key.name,
            _ => *ast == key.ast,
        };
        if let Some(index) = self.keys.iter().position(same) {
            let key = &self.keys[index];
            if self.doubtful && key.typed.is_null_literal() {
                return Some(Ok(key.typed.clone()));
            }
            return Some(Ok(Typed::column(index, &key.name, key.typed.ty)));
        }
        match &ast.kind {
            AstKind::Column { name, .. } => {
                // `by = ["a AS b"]` and `a` in the select list.
                let index = self.keys.iter().position(|key| key.ast == *ast);
                let key = index.map(|i| Typed::column(i, &self.keys[i].name, self.keys[i].typed.ty));
                let meant = || (self.doubtful && self.input.index_of(name).is_some()).then(nothing);
                key.or_else(|| self.window_column(name)).or_else(meant).map(Ok)
            }
            _ => None,
        }
    }

    fn aggregate(&mut self, call: &Call, span: &Range<usize>) -> Result<Typed, ExprError> {
        let index = match self.calls.iter().position(|(known, _)| known == call) {
            Some(index) => index,
            None => {
                self.calls.push((call.clone(), resolve_call(call, span, self.input)?));
                self.calls.len() - 1
            }
        };
        Ok(Typed::column(self.first_call() + index, &call_text(call, &self.calls[index].1), self.calls[index].1.ty))
    }

    fn unknown_column(&mut self, name: &str, span: &Range<usize>) -> Option<ExprError> {
        if self.input.index_of(name).is_some() {
            let message = format!("`{name}` is neither a key nor inside an aggregate");
            return Some(
                ExprError::new(span.clone(), message, "which of the group's rows?")
                    .help(format!("group by it in `by`, or wrap it in an aggregate such as first({name})")),
            );
        }
        let is_window = [WINDOW_START, WINDOW_END, WINDOW_TIME].contains(&name);
        if is_window && !self.windowed {
            let message = format!("there is no `{name}` without a window");
            return Some(ExprError::new(span.clone(), message, "no window").help("add `window = { … }`"));
        }
        let mut known = self.input.clone();
        known.fields.extend(self.keys.iter().map(|key| Field { name: key.name.clone(), ty: key.typed.ty }));
        if self.windowed {
            known.fields.extend(
                [WINDOW_START, WINDOW_END, WINDOW_TIME]
                    .map(|name| Field { name: name.to_owned(), ty: DataType::Timestamp }),
            );
        }
        Some(unknown_column(name, false, span, &known))
    }
}

fn resolve_filter(ast: &Ast, input: &Schema) -> Result<Typed, ExprError> {
    let typed = resolve(ast, input)?;
    boolean(typed, ast, "FILTER")
}

fn boolean(typed: Typed, ast: &Ast, place: &str) -> Result<Typed, ExprError> {
    if typed.is_null_literal() {
        return Ok(Typed::literal(Scalar::Null, DataType::Boolean));
    }
    if typed.ty == DataType::Boolean {
        return Ok(typed);
    }
    Err(ExprError::new(
        ast.span.clone(),
        format!("{place} takes a boolean, not {}", typed.ty),
        format!("this is {}", typed.ty),
    ))
}

fn resolve_having(ast: &Ast, outputs: &[&Ast], schema: &Schema) -> Result<Typed, ExprError> {
    let mut hook = Having { outputs, schema };
    let typed = Resolver { schema, hook: Some(&mut hook), cuts: Vec::new() }.resolve(ast)?;
    boolean(typed, ast, "`having`")
}

/// In `having`, names are outputs, and so is what an output was made from, written again.
struct Having<'a> {
    outputs: &'a [&'a Ast],
    schema: &'a Schema,
}

impl Hook for Having<'_> {
    fn replace(&mut self, ast: &Ast) -> Option<Result<Typed, ExprError>> {
        if matches!(ast.kind, AstKind::Column { .. } | AstKind::Literal(..)) {
            return None;
        }
        let index = self.outputs.iter().position(|output| *output == ast)?;
        let field = &self.schema.fields[index];
        Some(Ok(Typed::column(index, &field.name, field.ty)))
    }

    fn aggregate(&mut self, call: &Call, span: &Range<usize>) -> Result<Typed, ExprError> {
        let message = format!("`having` uses an aggregate `{}` that is not in `select`", call.name);
        Err(ExprError::new(span.clone(), message, "not in select")
            .help("add it to `select` with AS and use its name here"))
    }

    fn unknown_column(&mut self, _name: &str, _span: &Range<usize>) -> Option<ExprError> {
        None
    }
}
