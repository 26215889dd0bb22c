//! Calls of functions.

use std::ops::Range;

use super::super::ExprError;
use super::super::aggregate;
use super::super::ast::{Ast, BinaryOp, Call};
use super::super::error::nearest;
use super::super::function::{self, Arg, Function};
use super::super::typed::{Node, Typed};
use super::super::value::Scalar;
use super::{Resolver, Result, coerce, coerce_at, fold, type_error, wall_time};
use crate::data::DataType;

impl Resolver<'_> {
    pub(super) fn call(&mut self, call: &Call, span: &Range<usize>) -> Result<Typed> {
        if aggregate::find(&call.name).is_some() {
            return match &mut self.hook {
                Some(hook) => hook.aggregate(call, span),
                None => Err(ExprError::new(
                    span.clone(),
                    format!("`{}` is an aggregate, which has no place here", call.name),
                    "aggregate",
                )
                .help("aggregates stand in the `select` of an aggregate transform; `having` uses their names")),
            };
        }
        if call.star || call.distinct || call.filter.is_some() {
            let what = if call.star {
                "`*`"
            } else if call.distinct {
                "DISTINCT"
            } else {
                "FILTER"
            };
            self.known(call)?;
            return Err(ExprError::new(span.clone(), format!("{what} belongs to an aggregate"), "not an aggregate"));
        }
        let args: Vec<&Ast> = call.args.iter().collect();
        match call.name.as_str() {
            "coalesce" | "ifnull" | "nvl" => {
                self.arity(call, 1..=usize::MAX, "coalesce(a, b, …)")?;
                let parts = self.unified(&args, "the arguments of coalesce")?;
                Ok(Typed::new(parts[0].ty, Node::Coalesce(parts)))
            }
            "nullif" => {
                self.arity(call, 2..=2, "nullif(a, b)")?;
                let equal = self.binary(BinaryOp::Equal, args[0], args[1], span)?;
                let value = self.resolve(args[0])?;
                let null = Typed::literal(Scalar::Null, value.ty);
                Ok(Typed::new(value.ty, Node::Case { whens: vec![(equal, null)], otherwise: Box::new(value) }))
            }
            "if" | "iff" => {
                self.arity(call, 3..=3, "if(condition, a, b)")?;
                self.case(None, &[(call.args[0].clone(), call.args[1].clone())], Some(args[2]))
            }
            "try" => {
                self.arity(call, 1..=1, "TRY(x)")?;
                let value = self.resolve(args[0])?;
                Ok(Typed::new(value.ty, Node::Try(Box::new(value))))
            }
            name if wall_time(name).is_some() => {
                self.arity(call, 0..=0, "now()")?;
                Ok(wall_time(name).unwrap_or_else(|| unreachable!("looked at above")))
            }
            "array" => self.list_of(&args),
            "json_object" | "to_json" | "json_array" => self.made_json(call, &args),
            "greatest" | "least" => self.extreme(call, &args),
            _ => self.table_function(call, span),
        }
    }

    pub(super) fn arity(&self, call: &Call, allowed: std::ops::RangeInclusive<usize>, signature: &str) -> Result<()> {
        let count = call.args.len();
        if allowed.contains(&count) {
            return Ok(());
        }
        let many = |n: usize| if n == 1 { "1 argument".to_owned() } else { format!("{n} arguments") };
        let span = match call.args.get(*allowed.end()) {
            Some(extra) => extra.span.clone(),
            None => call.name_span.clone(),
        };
        let message = format!("`{}` does not take {}", call.name, many(count));
        Err(ExprError::new(span, message, "wrong number of arguments").help(format!("it is {signature}")))
    }

    /// `greatest(a, b, c)` compares step by step; null if one is null.
    fn extreme(&mut self, call: &Call, args: &[&Ast]) -> Result<Typed> {
        self.arity(call, 1..=usize::MAX, &format!("{}(a, b, …)", call.name))?;
        if args.len() > 16 {
            return Err(ExprError::new(
                args[16].span.clone(),
                format!("`{}` takes at most 16 values", call.name),
                "too many",
            ));
        }
        let parts = self.unified(args, &format!("the arguments of {}", call.name))?;
        let ty = parts[0].ty;
        let op = if call.name == "greatest" { BinaryOp::GreaterEqual } else { BinaryOp::LessEqual };
        let boolean = |node| Typed::new(DataType::Boolean, node);
        // The first value that no other one beats; nothing beats a null, so nulls are tested first.
        let null = |p: &Typed| boolean(Node::IsNull(Box::new(p.clone()), super::Negated::No));
        let any_null = fold(boolean(Node::Or(parts.iter().map(null).collect())));
        let mut whens = vec![(any_null, Typed::literal(Scalar::Null, ty))];
        let last = parts[parts.len() - 1].clone();
        for (i, part) in parts[..parts.len() - 1].iter().enumerate() {
            let beats = |other: &Typed| boolean(Node::Compare(op, Box::new(part.clone()), Box::new(other.clone())));
            whens.push((fold(boolean(Node::And(parts[i + 1..].iter().map(beats).collect()))), part.clone()));
        }
        Ok(Typed::new(ty, Node::Case { whens, otherwise: Box::new(last) }))
    }

    /// The function, or what may have been meant.
    fn known(&self, call: &Call) -> Result<&'static Function> {
        if let Some(function) = function::find(&call.name) {
            return Ok(function);
        }
        let name = call.name.as_str();
        let error =
            ExprError::new(call.name_span.clone(), format!("there is no function `{name}`"), "unknown function");
        if let Some(help) = function::elsewhere(name) {
            return Err(error.help(help));
        }
        let names = function::all()
            .flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()))
            .chain(function::FORMS.iter().map(|f| f.0))
            .chain(aggregate::all().flat_map(|a| std::iter::once(a.name).chain(a.aliases.iter().copied())));
        Err(match nearest(name, names) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    fn table_function(&mut self, call: &Call, _span: &Range<usize>) -> Result<Typed> {
        let function = self.known(call)?;
        let most = if function.variadic { usize::MAX } else { function.args.len() };
        self.arity(call, function.required..=most, function.signature)?;
        let mut args = Vec::with_capacity(call.args.len());
        for (i, ast) in call.args.iter().enumerate() {
            let takes = function.args[i.min(function.args.len() - 1)];
            let typed = self.resolve(ast)?;
            args.push(argument(typed, takes, ast, function, i)?);
        }
        let bound = (function.bind)(&args).map_err(|error| {
            let place = call.args.get(error.arg).map_or_else(|| call.name_span.clone(), |a| a.span.clone());
            ExprError { help: error.help, ..ExprError::new(place, error.message, format!("in {}", function.signature)) }
        })?;
        Ok(Typed::new(bound.ty, Node::Call { name: function.name, args, kernel: bound.kernel }))
    }
}

fn argument(typed: Typed, takes: Arg, ast: &Ast, function: &Function, index: usize) -> Result<Typed> {
    let rule = |what: &str| format!("argument {} of {} takes {what}", index + 1, function.signature);
    let (ty, what) = match takes {
        Arg::String => (DataType::String, "a string"),
        Arg::Int => (DataType::Int, "an int"),
        Arg::Double => (DataType::Double, "a number"),
        Arg::Moment if typed.ty == DataType::Interval => return Ok(typed),
        Arg::Timestamp | Arg::Moment => {
            return match typed.ty {
                DataType::Timestamp | DataType::Date | DataType::String
                    if typed.ty != DataType::String || typed.is_constant() =>
                {
                    if typed.is_null_literal() {
                        return Ok(Typed::literal(Scalar::Null, DataType::Timestamp));
                    }
                    coerce_at(typed, DataType::Timestamp, ast)
                }
                ty => Err(type_error(ast, &rule("a timestamp"), ty, DataType::Timestamp)),
            };
        }
        Arg::Number if typed.is_null_literal() => return Ok(Typed::literal(Scalar::Null, DataType::Int)),
        Arg::Number if typed.ty.is_numeric() => return Ok(typed),
        Arg::Number => (DataType::Double, "a number"),
        Arg::Text if typed.ty == DataType::String => return Ok(typed),
        Arg::Text => {
            return Ok(fold(Typed::new(DataType::String, Node::Cast { value: Box::new(typed), try_: false })));
        }
        Arg::Any => return Ok(typed),
        Arg::Binary | Arg::Json | Arg::List | Arg::Date => return rare_argument(typed, takes, ast, rule),
    };
    // A decimal or double would lose its fraction without being asked.
    if takes == Arg::Int && typed.ty.is_numeric() && typed.ty != DataType::Int {
        return Err(type_error(ast, &rule(what), typed.ty, ty));
    }
    coerce(typed, ty).map_err(|typed| type_error(ast, &rule(what), typed.ty, ty))
}

/// Arguments of the types that few functions take.
fn rare_argument(typed: Typed, takes: Arg, ast: &Ast, rule: impl Fn(&str) -> String) -> Result<Typed> {
    let (ty, what) = match takes {
        Arg::Binary => (DataType::Bytes, "a string or bytes"),
        Arg::Json => (DataType::Json, "json, or a string that holds some"),
        Arg::Date => (DataType::Date, "a date"),
        _ => (DataType::list(DataType::String), "a list"),
    };
    if typed.is_null_literal() {
        return Ok(Typed::literal(Scalar::Null, ty));
    }
    match (takes, typed.ty) {
        (Arg::List, DataType::List(_)) | (Arg::Binary | Arg::Json, DataType::String) => Ok(typed),
        (Arg::Date, DataType::Timestamp) => {
            Ok(fold(Typed::new(ty, Node::Cast { value: Box::new(typed), try_: false })))
        }
        (Arg::Date, DataType::String) if typed.is_constant() => coerce_at(typed, ty, ast),
        (_, found) if found == ty => Ok(typed),
        (_, found) => Err(type_error(ast, &rule(what), found, ty)),
    }
}
