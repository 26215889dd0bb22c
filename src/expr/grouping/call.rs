//! Aggregate calls: their arguments, DISTINCT and FILTER.

use std::ops::Range;

use super::super::ExprError;
use super::super::aggregate::{self, Aggregate, Bound, Distinct};
use super::super::ast::{Ast, AstKind, Call};
use super::super::resolve::resolve;
use super::super::typed::{Node, Typed};
use super::{AggregateCall, resolve_filter};
use crate::data::{DataType, Schema};

/// The call as plans show it.
pub(super) fn call_text(call: &Call, resolved: &AggregateCall) -> String {
    let args: Vec<String> = resolved.args.iter().map(Typed::to_string).collect();
    let text = resolved.function.text(call.distinct, &args, resolved.filter.as_ref().map(Typed::to_string));
    // Under the name it was written with.
    text.find('(').map_or(text.clone(), |open| format!("{}{}", call.name, &text[open..]))
}

pub(super) fn resolve_call(call: &Call, span: &Range<usize>, input: &Schema) -> Result<AggregateCall, ExprError> {
    let name = &call.name;
    let error = |span: Range<usize>, message: String, label: &str| ExprError::new(span, message, label);
    for part in call.args.iter().chain(call.filter.as_deref()) {
        if let Some(inner) = find_aggregate(part) {
            let help = "aggregate in two steps: a second `aggregate` transform takes the results of the first";
            return Err(error(inner, format!("an aggregate inside of `{name}`"), "nested aggregate").help(help));
        }
    }
    let entry = aggregate::find(name)
        .ok_or_else(|| error(call.name_span.clone(), format!("`{name}` is not an aggregate"), "not an aggregate"))?;
    check_arity(call, entry, span)?;
    if call.distinct && entry.distinct == Distinct::Refused {
        return Err(error(span.clone(), format!("`{name}` does not go with DISTINCT"), "no place for DISTINCT"));
    }
    let mut args = call.args.iter().map(|arg| resolve(arg, input)).collect::<Result<Vec<Typed>, _>>()?;
    let place = |arg: usize| call.args.get(arg).map_or(span, |a| &a.span).clone();
    let Bound { function, columns, filter: own } = (entry.bind)(&args).map_err(|e| ExprError {
        help: e.help,
        ..error(place(e.arg), e.message, &format!("in {}", entry.signature))
    })?;
    args.truncate(columns);
    let types: Vec<DataType> = args.iter().map(|arg| arg.ty).collect();
    let ty = function.result_type(&types).map_err(|(arg, takes)| {
        let found = types.get(arg).map_or_else(String::new, |ty| format!(", not {ty}"));
        let error = error(place(arg), format!("`{name}` takes {takes}{found}"), "wrong type");
        match takes {
            "a string" => error.help("CAST it: CAST(x AS string)"),
            "a value with an order" => error.help("take a part of the JSON, or CAST it AS string to go by its text"),
            _ => error.help("CAST it to a number, such as CAST(x AS double)"),
        }
    })?;
    let filter = call.filter.as_ref().map(|filter| resolve_filter(filter, input)).transpose()?;
    let filter = match (own, filter) {
        (Some(own), Some(filter)) => Some(Typed::new(DataType::Boolean, Node::And(vec![own, filter]))),
        (own, filter) => own.or(filter),
    };
    let distinct = call.distinct && entry.distinct == Distinct::Applies;
    let mut resolved = AggregateCall { function, distinct, args, filter, ty, text: String::new() };
    resolved.text = call_text(call, &resolved);
    Ok(resolved)
}

fn check_arity(call: &Call, entry: &Aggregate, span: &Range<usize>) -> Result<(), ExprError> {
    let name = &call.name;
    let error = |message: String, label: &str| Err(ExprError::new(span.clone(), message, label));
    let counts = entry.name == "count";
    if call.star && !counts {
        return error(format!("`{name}` takes an argument, not `*`: it is {}", entry.signature), "needs an argument");
    }
    if counts && call.args.len() > 1 && !call.distinct {
        return error("`count` takes one argument, or several behind DISTINCT".to_owned(), "several arguments")
            .map_err(|e: ExprError| e.help("write count(DISTINCT a, b), or count(*)"));
    }
    if counts && call.distinct && call.args.is_empty() {
        return error("DISTINCT of what?".to_owned(), "needs an argument");
    }
    if (entry.required..=entry.most).contains(&call.args.len()) {
        return Ok(());
    }
    let many = match call.args.len() {
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    };
    error(format!("`{name}` does not take {many}"), "wrong number of arguments")
        .map_err(|e: ExprError| e.help(format!("it is {}", entry.signature)))
}

/// Place of an aggregate in an expression.
pub(super) fn find_aggregate(ast: &Ast) -> Option<Range<usize>> {
    if let AstKind::Call(call) = &ast.kind
        && aggregate::find(&call.name).is_some()
    {
        return Some(ast.span.clone());
    }
    ast.children().into_iter().find_map(find_aggregate)
}
