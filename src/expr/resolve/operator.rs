//! Types of operators.

use std::ops::Range;

use super::super::ExprError;
use super::super::ast::{Ast, BinaryOp};
use super::super::typed::{Node, Typed};
use super::super::types::{DIVISION_SCALE_MIN, PRECISION_MAX, as_decimal, common, digits};
use super::super::value::Scalar;
use super::{Resolver, Result, coerce, coerce_at, fold, is_from_text, type_error};
use crate::data::DataType;

impl Resolver<'_> {
    pub(super) fn negate(&mut self, a: &Ast) -> Result<Typed> {
        let typed = self.resolve(a)?;
        if typed.is_null_literal() {
            return Ok(typed);
        }
        if !typed.ty.is_numeric() && typed.ty != DataType::Interval {
            return Err(type_error(a, "`-` takes a number", typed.ty, DataType::Double));
        }
        Ok(Typed::new(typed.ty, Node::Negate(Box::new(typed))))
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: &Ast, b: &Ast, span: &Range<usize>) -> Result<Typed> {
        use BinaryOp::*;
        match op {
            Add | Subtract | Multiply | Divide | Modulo => self.arithmetic(op, a, b, span),
            Concat => self.concat(a, b),
            _ => self.compare(op, a, b),
        }
        .map(fold)
    }

    /// Arithmetic with a timestamp, date or interval on a side.
    fn moments(&mut self, op: BinaryOp, sides: [(Typed, &Ast); 2], span: &Range<usize>) -> Result<Typed> {
        use BinaryOp::{Add, Divide, Multiply, Subtract};
        use DataType::{Date, Decimal, Double, Int, String, Timestamp};
        let [(mut left, a), (mut right, b)] = sides;
        let (mut a, mut b) = (a, b);
        // What moves stands right, and so does a number.
        let is_amount = |ty: DataType| ty == DataType::Interval && matches!(op, Add) || ty.is_numeric();
        if matches!(op, Add | Multiply) && is_amount(left.ty) && !(left.ty == right.ty) {
            (left, right, a, b) = (right, left, b, a);
        }
        // A text constant is what stands opposite of it.
        let as_moment = |text: Typed, other: DataType, ast: &Ast| {
            let is = text.ty == String && text.is_constant() && op == Subtract && matches!(other, Timestamp | Date);
            if is { coerce_at(text, other, ast) } else { Ok(text) }
        };
        left = as_moment(left, right.ty, a)?;
        right = as_moment(right, left.ty, b)?;
        let (ty, l, r) = match (left.ty, op, right.ty) {
            (Timestamp | Date, Add | Subtract, DataType::Interval) => (Timestamp, Timestamp, DataType::Interval),
            (Date, Subtract, Date) => (Int, Date, Date),
            (Timestamp | Date, Subtract, Timestamp | Date) => (DataType::Interval, Timestamp, Timestamp),
            (Date, Add | Subtract, Int) => (Date, Date, Int),
            (DataType::Interval, Add | Subtract, DataType::Interval) => {
                (DataType::Interval, DataType::Interval, DataType::Interval)
            }
            (DataType::Interval, Multiply, Int) => (DataType::Interval, DataType::Interval, Int),
            (DataType::Interval, Multiply | Divide, Int | Double | Decimal { .. }) => {
                (DataType::Interval, DataType::Interval, Double)
            }
            _ => return Err(timestamp_arithmetic(op, &left, &right, span)),
        };
        let (left, right) = (coerce_at(left, l, a)?, coerce_at(right, r, b)?);
        if let (Timestamp, Some(Scalar::Interval(by))) = (ty, right.as_constant())
            && by.months == 0
            && let Some(micros) = i64::from(by.days).checked_mul(86_400_000_000).and_then(|d| d.checked_add(by.micros))
            && let Some(micros) = if op == Subtract { micros.checked_neg() } else { Some(micros) }
        {
            return Ok(Typed::new(Timestamp, Node::Shift(Box::new(left), micros)));
        }
        Ok(Typed::new(ty, Node::Arithmetic(op, Box::new(left), Box::new(right))))
    }

    fn concat(&mut self, a: &Ast, b: &Ast) -> Result<Typed> {
        let mut sides = [a, b].into_iter().map(|ast| {
            let typed = self.resolve(ast)?;
            coerce(typed, DataType::String)
                .map_err(|typed| type_error(ast, "`||` joins strings", typed.ty, DataType::String))
        });
        let (Some(a), Some(b)) = (sides.next(), sides.next()) else { unreachable!("there are two sides") };
        Ok(Typed::new(DataType::String, Node::Concat(Box::new(a?), Box::new(b?))))
    }

    fn compare(&mut self, op: BinaryOp, a: &Ast, b: &Ast) -> Result<Typed> {
        let (left, right) = (self.resolve(a)?, self.resolve(b)?);
        let is_text = |t: &Typed| t.ty == DataType::String && t.is_constant();
        let ty = if left.is_null_literal() {
            Some(right.ty)
        } else if right.is_null_literal() || is_from_text(left.ty) && is_text(&right) {
            Some(left.ty)
        } else if is_from_text(right.ty) && is_text(&left) {
            Some(right.ty)
        } else {
            let (l, r) = operand_types(&left, &right);
            common(l, r)
        };
        let Some(ty) = ty else {
            let (l, r) = (left.ty, right.ty);
            let error = ExprError::new(
                a.span.start..b.span.end,
                format!("`{}` compares values of one type, not {l} with {r}", op.symbol()),
                format!("{l} {} {r}", op.symbol()),
            );
            return Err(error.help(compare_help(&left, &right)));
        };
        let (left, right) = match ty {
            // Decimals of one scale compare as they are, whatever their precision.
            DataType::Decimal { scale, .. } if !left.is_null_literal() && !right.is_null_literal() => {
                let (l, r) = operand_types(&left, &right);
                (to_scale(left, l, scale), to_scale(right, r, scale))
            }
            ty => (coerce_at(left, ty, a)?, coerce_at(right, ty, b)?),
        };
        Ok(Typed::new(DataType::Boolean, Node::Compare(op, Box::new(left), Box::new(right))))
    }

    fn arithmetic(&mut self, op: BinaryOp, a: &Ast, b: &Ast, span: &Range<usize>) -> Result<Typed> {
        let (mut left, mut right) = (self.resolve(a)?, self.resolve(b)?);
        if left.is_null_literal() {
            let ty = match right.ty {
                ty if ty.is_numeric() => ty,
                ty if is_from_text(ty) && op == BinaryOp::Subtract => ty,
                ty => null_beside(left.ty, ty, op),
            };
            left = Typed::literal(Scalar::Null, ty);
        }
        if right.is_null_literal() {
            let ty = if is_from_text(left.ty) { null_beside(right.ty, left.ty, op) } else { left.ty };
            right = Typed::literal(Scalar::Null, ty);
        }
        if is_from_text(left.ty) || is_from_text(right.ty) {
            return self.moments(op, [(left, a), (right, b)], span);
        }
        for (side, ast) in [(&left, a), (&right, b)] {
            if !side.ty.is_numeric() {
                let error = type_error(ast, &format!("`{}` takes numbers", op.symbol()), side.ty, DataType::Double);
                let plus = op == BinaryOp::Add && side.ty == DataType::String;
                return Err(if plus {
                    error.help("texts are joined with `||`; for a number write CAST(… AS double)")
                } else {
                    error
                });
            }
        }
        let (l, r) = operand_types(&left, &right);
        let ty = match (l, r) {
            (DataType::Int, DataType::Int) => {
                if op == BinaryOp::Divide && !cuts_nothing(&left, &right) && !self.cuts.contains(span) {
                    self.cuts.push(span.clone());
                }
                DataType::Int
            }
            _ => match (as_decimal(l), as_decimal(r)) {
                (Some(l), Some(r)) => decimal_result(op, l, r).ok_or_else(|| {
                    ExprError::new(
                        span.clone(),
                        "the result has more than 38 digits behind the point",
                        "too many digits",
                    )
                    .help("CAST one side to a decimal with fewer digits, or to double")
                })?,
                _ => DataType::Double,
            },
        };
        let (left, right) = match ty {
            DataType::Decimal { scale, .. } if !matches!(op, BinaryOp::Multiply | BinaryOp::Divide) => {
                (to_scale(left, l, scale), to_scale(right, r, scale))
            }
            // Multiplication and division take decimals as they are.
            DataType::Decimal { .. } => (to_decimal(left, l), to_decimal(right, r)),
            ty => (coerce_at(left, ty, a)?, coerce_at(right, ty, b)?),
        };
        Ok(Typed::new(ty, Node::Arithmetic(op, Box::new(left), Box::new(right))))
    }
}

/// What a null is that a moment moves by, or that an interval is multiplied with: its own type if that may be.
fn null_beside(own: DataType, other: DataType, op: BinaryOp) -> DataType {
    match op {
        _ if own.is_numeric() || is_from_text(own) => own,
        BinaryOp::Add | BinaryOp::Subtract if is_from_text(other) => DataType::Interval,
        _ => DataType::Int,
    }
}

/// `60 / 2` is what it looks like.
fn cuts_nothing(left: &Typed, right: &Typed) -> bool {
    match (left.as_constant(), right.as_constant()) {
        (Some(Scalar::Int(a)), Some(Scalar::Int(b))) => *b == 0 || a.checked_rem(*b) == Some(0),
        _ => false,
    }
}

/// The types of both sides; beside a decimal, a constant int is a decimal of just its own digits, so that
/// `amount > 500` does not widen the column.
fn operand_types(left: &Typed, right: &Typed) -> (DataType, DataType) {
    let narrowed = |side: &Typed, other: &Typed| match (side.as_constant(), other.ty) {
        (Some(Scalar::Int(v)), DataType::Decimal { .. }) => {
            DataType::Decimal { precision: digits(i128::from(*v)).max(1), scale: 0 }
        }
        _ => side.ty,
    };
    (narrowed(left, right), narrowed(right, left))
}

fn cast_decimal(typed: Typed, precision: u8, scale: u8) -> Typed {
    let ty = DataType::Decimal { precision, scale };
    if typed.ty == ty { typed } else { fold(Typed::new(ty, Node::Cast { value: Box::new(typed), try_: false })) }
}

fn to_decimal(typed: Typed, ty: DataType) -> Typed {
    let (precision, scale) = as_decimal(ty).unwrap_or((PRECISION_MAX, 0));
    cast_decimal(typed, precision, scale)
}

fn to_scale(typed: Typed, ty: DataType, scale: u8) -> Typed {
    let (p, s) = as_decimal(ty).unwrap_or((PRECISION_MAX, 0));
    cast_decimal(typed, (p - s + scale).min(PRECISION_MAX), scale)
}

fn decimal_result(op: BinaryOp, (p, s): (u8, u8), (q, t): (u8, u8)) -> Option<DataType> {
    let scale = s.max(t);
    let (precision, scale) = match op {
        BinaryOp::Add | BinaryOp::Subtract => ((p - s).max(q - t) + scale + 1, scale),
        BinaryOp::Modulo => ((p - s).max(q - t) + scale, scale),
        BinaryOp::Multiply => (p + q, s + t),
        _ => (PRECISION_MAX, scale.max(DIVISION_SCALE_MIN)),
    };
    (scale <= PRECISION_MAX).then_some(DataType::Decimal { precision: precision.min(PRECISION_MAX), scale })
}

fn timestamp_arithmetic(op: BinaryOp, left: &Typed, right: &Typed, span: &Range<usize>) -> ExprError {
    let (l, r) = (left.ty, right.ty);
    let error = ExprError::new(
        span.clone(),
        format!("there is no {l} {} {r}", op.symbol()),
        format!("{l} {} {r}", op.symbol()),
    );
    error.help("a timestamp moves by an interval, a date also by days: x + INTERVAL '5 minutes'")
}

fn compare_help(left: &Typed, right: &Typed) -> String {
    let pair = [left.ty, right.ty];
    if pair.contains(&DataType::Json) {
        return "json_value(x, '$.a') or x ->> 'a' gives a text, CAST(… AS int) a number".to_owned();
    }
    if pair.contains(&DataType::String) {
        let other = if left.ty == DataType::String { right.ty } else { left.ty };
        return format!("write CAST(… AS {other}) around the string, or CAST(… AS string) around the {other}");
    }
    if pair.contains(&DataType::Timestamp) {
        return "use to_timestamp_ms(x) around the number, or epoch_ms(x) around the timestamp".to_owned();
    }
    "write CAST(… AS …) around one of them".to_owned()
}
