//! Constants put into columns, so that nothing of an expression is computed before there are rows.

use std::sync::Arc;

use super::super::super::ast::{Ast, AstKind};
use super::super::super::{Scalar, parse, resolve};
use super::make::Made;
use super::values::Choices;
use crate::data::{Batch, Column, DataType, Field, Schema};

/// The expression with some of its constants as columns behind those of the batch; `None` if one of them must be a
/// constant.
pub fn unfolded(text: &str, schema: &Schema, batch: &Batch, choices: &mut Choices) -> Option<(Made, Batch)> {
    let mut ast = parse(text).ok()?;
    let (mut schema, mut batch) = (schema.clone(), batch.clone());
    let before = schema.len();
    let all = choices.one_in(2);
    literals(&mut ast, &mut |kind| {
        let AstKind::Literal(value, ty) = kind else { return };
        // A null has no type of its own, and a text may be read as a timestamp beside one.
        if value.is_null() || !all && choices.one_in(2) {
            return;
        }
        let name = format!("constant {}", schema.len());
        batch.columns.push(column(value, *ty, batch.rows));
        schema.fields.push(Field { name: name.clone(), ty: *ty });
        *kind = AstKind::Column { name, quoted: true };
    });
    let typed = resolve(&ast, &schema).ok().filter(|_| schema.len() > before)?;
    Some((Made { text: text.to_owned(), typed }, batch))
}

fn column(value: &Scalar, ty: DataType, rows: usize) -> Column {
    match value {
        Scalar::Held(held) => Scalar::Held(Arc::clone(held)).to_column(ty, rows),
        value => value.to_column(ty, rows),
    }
}

fn literals(ast: &mut Ast, see: &mut dyn FnMut(&mut AstKind)) {
    use AstKind::*;
    match &mut ast.kind {
        kind @ Literal(..) => see(kind),
        Column { .. } | TypedText(..) => {}
        Negate(a) | Not(a) | Field(a, ..) | IsNull(a, _) | IsTruth(a, ..) | Cast { value: a, .. } => literals(a, see),
        Like { value: a, .. } | Regex { value: a, .. } => literals(a, see),
        And(parts) | Or(parts) => parts.iter_mut().for_each(|part| literals(part, see)),
        Binary(_, a, b) => [a, b].into_iter().for_each(|part| literals(part, see)),
        In(a, list, _) => std::iter::once(&mut **a).chain(list).for_each(|part| literals(part, see)),
        Between(a, low, high, _) => [a, low, high].into_iter().for_each(|part| literals(part, see)),
        Case { operand, whens, otherwise } => {
            operand.iter_mut().chain(otherwise).for_each(|part| literals(part, see));
            whens.iter_mut().flat_map(|(when, then)| [when, then]).for_each(|part| literals(part, see));
        }
        Struct(fields) => fields.iter_mut().for_each(|(_, value)| literals(value, see)),
        Call(call) => call.args.iter_mut().for_each(|part| literals(part, see)),
    }
}
