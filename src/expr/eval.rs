//! A typed expression over a batch, a column at a time.
//!
//! Errors are lazy: every part is evaluated for all rows, rows that fail are noted, and CASE, AND, OR, COALESCE
//! and TRY drop the notes of rows that they did not reach. Where nothing fails this costs nothing.

use std::cell::RefCell;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;

use super::EvalError;
use super::ast::{BinaryOp, Negated};
use super::function::fits;
use super::kernel::{Faults, arith, cast, choose, compare, like, logic, moment};
use super::share::Shared;
use super::typed::{Node, Typed};
use super::value::{Scalar, Value};
use crate::data::{Batch, Column, ColumnBuilder, DataType, fields_of};

impl Typed {
    /// The value of every row. Columns are numbers into `batch.columns`.
    pub fn eval(&self, batch: &Batch) -> Result<Column, EvalError> {
        self.checked(batch).map(|value| value.into_column(self.ty, batch.rows))
    }

    /// The rows for which the condition, of type boolean, is true; null counts as false for who reads it.
    pub fn eval_filter(&self, batch: &Batch) -> Result<BooleanArray, EvalError> {
        self.checked(batch).map(|value| booleans(value, batch.rows))
    }

    /// Every row that fails, ascending, with the reason.
    pub fn faults(&self, batch: &Batch) -> Vec<(usize, String)> {
        let mut faults = Faults::default();
        self.value(&Rows::new(batch), &mut faults);
        faults.into_rows()
    }

    fn checked(&self, batch: &Batch) -> Result<Value, EvalError> {
        let mut faults = Faults::default();
        let value = self.value(&Rows::new(batch), &mut faults);
        match faults.first() {
            None => Ok(value),
            Some((row, message)) => Err(EvalError { row, message }),
        }
    }

    /// As [`Typed::eval`], where other expressions are evaluated for the same rows.
    pub(super) fn eval_in(&self, rows: &Rows) -> Result<Column, EvalError> {
        let mut faults = Faults::default();
        let value = self.value(rows, &mut faults);
        match faults.first() {
            None => Ok(value.into_column(self.ty, rows.rows)),
            Some((row, message)) => Err(EvalError { row, message }),
        }
    }

    /// The value of a part that stands in several places, evaluated at the first.
    fn shared(&self, number: usize, input: &Rows, faults: &mut Faults) -> Value {
        if let Some(Some((value, own))) = input.shared.borrow().get(number) {
            faults.append(own.clone());
            return value.clone();
        }
        let mut own = Faults::default();
        let value = self.value(input, &mut own);
        faults.append(own.clone());
        let mut shared = input.shared.borrow_mut();
        if shared.len() <= number {
            shared.resize_with(number + 1, || None);
        }
        shared[number] = Some((value.clone(), own));
        value
    }

    /// The value of an expression without columns; `None` if it fails.
    pub(crate) fn fold(&self) -> Option<Scalar> {
        let mut faults = Faults::default();
        let value = self.value(&Rows { columns: &[], rows: 1, now: 0, shared: RefCell::default() }, &mut faults);
        if !faults.is_empty() {
            return None;
        }
        Some(match value {
            Value::Scalar(v) => v,
            Value::Column(c) => Scalar::from_column(&c, 0),
        })
    }

    fn value(&self, input: &Rows, faults: &mut Faults) -> Value {
        match &self.node {
            Node::Column { index, .. } => Value::Column(input.columns[*index].clone()),
            Node::Literal(value) => Value::Scalar(value.clone()),
            Node::Now if input.now == 0 => Value::Scalar(Scalar::Null),
            Node::Now => Value::Scalar(Scalar::Timestamp(input.now)),
            Node::Shared(number, part) => part.shared(*number, input, faults),
            Node::And(parts) => self.logic(parts, Junction::And, input, faults),
            Node::Or(parts) => self.logic(parts, Junction::Or, input, faults),
            Node::Case { whens, otherwise } => self.case(whens, otherwise, input, faults),
            Node::Coalesce(parts) => self.coalesce(parts, input, faults),
            Node::Try(a) => {
                let mut inner = Faults::default();
                let value = a.value(input, &mut inner);
                if inner.is_empty() {
                    return value;
                }
                Value::Column(choose::null_out(value.into_column(self.ty, input.rows), inner.rows()))
            }
            _ => self.strict(input, faults),
        }
    }

    /// Nodes that need all of their parts.
    fn strict(&self, input: &Rows, faults: &mut Faults) -> Value {
        let parts: Vec<Value> = self.children().into_iter().map(|part| part.value(input, faults)).collect();
        let constant = parts.iter().all(|part| matches!(part, Value::Scalar(_)));
        let null_is_null = !matches!(
            self.node,
            Node::IsNull(..)
                | Node::IsTruth(..)
                | Node::Call { .. }
                | Node::Compare(BinaryOp::Distinct | BinaryOp::NotDistinct, ..)
        );
        if null_is_null && parts.iter().any(Value::is_null_scalar) {
            return Value::Scalar(Scalar::Null);
        }
        if !constant {
            return Value::Column(self.kernel(&parts, input.rows, faults));
        }
        // One row is computed and stands for all. A part that already failed has left null here.
        let mut once = Faults::default();
        let column = self.kernel(&parts, 1, &mut once);
        once.repeat(input.rows, faults);
        Value::Scalar(Scalar::from_column(&column, 0))
    }

    fn kernel(&self, parts: &[Value], rows: usize, faults: &mut Faults) -> Column {
        let a = || &parts[0];
        match &self.node {
            Node::Arithmetic(op, x, y) if !(x.ty.is_numeric() && y.ty.is_numeric()) => {
                moment::binary(*op, self.ty, a(), &parts[1], [x.ty, y.ty], rows, faults)
            }
            Node::Arithmetic(op, x, y) => arith::binary(*op, self.ty, a(), &parts[1], [x.ty, y.ty], rows, faults),
            Node::Compare(op @ (BinaryOp::Distinct | BinaryOp::NotDistinct), x, _) => {
                Column::Boolean(compare::distinct(*op, x.ty, a(), &parts[1], rows))
            }
            Node::Compare(op, x, _) => Column::Boolean(compare::compare(*op, x.ty, a(), &parts[1], rows)),
            Node::Concat(..) => concat(a(), &parts[1], rows, faults),
            Node::Shift(_, micros) => arith::shift(a(), *micros, rows, faults),
            Node::Negate(_) => arith::negate(self.ty, a(), rows, faults),
            Node::Not(_) => Column::Boolean(logic::not(&booleans(a().clone(), rows))),
            Node::IsNull(_, negated) => {
                let valid = match a() {
                    Value::Scalar(v) if v.is_null() => BooleanBuffer::new_unset(rows),
                    v => v.nulls().map_or_else(|| BooleanBuffer::new_set(rows), |n| n.inner().clone()),
                };
                Column::Boolean(BooleanArray::new(if *negated == Negated::Yes { valid } else { !&valid }, None))
            }
            Node::IsTruth(_, truth, negated) => {
                let array = booleans(a().clone(), rows);
                let bits = if *truth { logic::is_true(&array) } else { logic::is_false(&array) };
                Column::Boolean(BooleanArray::new(if *negated == Negated::Yes { !&bits } else { bits }, None))
            }
            Node::In { value, list, has_null, negated } => {
                let found = compare::in_list(value.ty, a(), list, rows);
                Column::Boolean(in_result(found, a(), *has_null, *negated))
            }
            Node::Like(_, pattern, negated) => test(a(), rows, *negated, |strings| pattern.matches(strings)),
            Node::Regex(_, regex, negated) => test(a(), rows, *negated, |strings| like::matches(regex, strings)),
            Node::Cast { value, try_ } => {
                let mut own = Faults::default();
                let column = cast::cast(a(), value.ty, self.ty, rows, &mut own);
                if !try_ {
                    faults.append(own);
                    return column;
                }
                // Of a list or struct a part may have been made.
                if own.is_empty() { column } else { choose::null_out(column, own.rows()) }
            }
            Node::Field(value, index, _) => field(a(), value.ty, *index, self.ty, rows),
            Node::Call { kernel, .. } => kernel.run(parts, rows, faults),
            Node::Column { .. }
            | Node::Literal(_)
            | Node::Now
            | Node::Shared(..)
            | Node::And(_)
            | Node::Or(_)
            | Node::Case { .. }
            | Node::Coalesce(_)
            | Node::Try(_) => unreachable!("`value` evaluates these itself"),
        }
    }

    /// A part is reached where the ones before it have not decided.
    fn logic(&self, parts: &[Typed], junction: Junction, input: &Rows, faults: &mut Faults) -> Value {
        let mut result: Option<BooleanArray> = None;
        for part in parts {
            let Some(before) = result else {
                result = Some(booleans(part.value(input, faults), input.rows));
                continue;
            };
            let decided = junction.decided(&before);
            if decided.count_set_bits() == input.rows {
                return Value::Column(Column::Boolean(before));
            }
            let mut own = Faults::default();
            let next = booleans(part.value(input, &mut own), input.rows);
            own.retain(|row| !decided.value(row));
            faults.append(own);
            result = Some(match junction {
                Junction::And => logic::and(&before, &next),
                Junction::Or => logic::or(&before, &next),
            });
        }
        Value::Column(Column::Boolean(result.unwrap_or_else(|| BooleanArray::new_null(input.rows))))
    }

    fn case(&self, whens: &[(Typed, Typed)], otherwise: &Typed, input: &Rows, faults: &mut Faults) -> Value {
        const OPEN: u32 = u32::MAX;
        let mut pick = vec![OPEN; input.rows];
        let mut values = Vec::with_capacity(whens.len() + 1);
        for (which, (when, then)) in whens.iter().enumerate() {
            let mut own = Faults::default();
            let holds = logic::is_true(&booleans(when.value(input, &mut own), input.rows));
            own.retain(|row| pick[row] == OPEN);
            faults.append(own);
            for row in holds.set_indices() {
                if pick[row] == OPEN {
                    pick[row] = which as u32;
                }
            }
            values.push(reached(then, which as u32, &pick, input, faults));
        }
        let last = whens.len() as u32;
        pick.iter_mut().filter(|p| **p == OPEN).for_each(|p| *p = last);
        values.push(reached(otherwise, last, &pick, input, faults));
        Value::Column(choose::choose(self.ty, &values, &pick))
    }

    fn coalesce(&self, parts: &[Typed], input: &Rows, faults: &mut Faults) -> Value {
        // What is still null after the last part stays with the last.
        let last = parts.len() as u32 - 1;
        let mut pick = vec![last; input.rows];
        let mut open: Vec<bool> = vec![true; input.rows];
        let mut values = Vec::with_capacity(parts.len());
        for (which, part) in parts.iter().enumerate() {
            let mut own = Faults::default();
            let value = part.value(input, &mut own);
            own.retain(|row| open[row]);
            faults.append(own);
            for row in 0..input.rows {
                if open[row] && !value.is_null(row) {
                    (open[row], pick[row]) = (false, which as u32);
                }
            }
            values.push(value);
            if !open.contains(&true) {
                break;
            }
        }
        values.resize(parts.len(), Value::Scalar(Scalar::Null));
        Value::Column(choose::choose(self.ty, &values, &pick))
    }
}

/// The rows that expressions are evaluated for.
pub(super) struct Rows<'a> {
    columns: &'a [Column],
    rows: usize,
    now: i64,
    shared: RefCell<Shared>,
}

impl Rows<'_> {
    pub fn new(batch: &Batch) -> Rows<'_> {
        Rows { columns: &batch.columns, rows: batch.rows, now: batch.now, shared: RefCell::default() }
    }
}

#[derive(Clone, Copy)]
enum Junction {
    And,
    Or,
}

impl Junction {
    fn decided(self, before: &BooleanArray) -> BooleanBuffer {
        match self {
            Junction::And => logic::is_false(before),
            Junction::Or => logic::is_true(before),
        }
    }
}

/// A branch of CASE, which only the rows that picked it reach.
fn reached(branch: &Typed, which: u32, pick: &[u32], input: &Rows, faults: &mut Faults) -> Value {
    let mut own = Faults::default();
    let value = branch.value(input, &mut own);
    own.retain(|row| pick[row] == which);
    faults.append(own);
    value
}

fn booleans(value: Value, rows: usize) -> BooleanArray {
    match value {
        Value::Column(Column::Boolean(a)) => a,
        Value::Scalar(Scalar::Boolean(true)) => BooleanArray::new(BooleanBuffer::new_set(rows), None),
        Value::Scalar(Scalar::Boolean(false)) => BooleanArray::new(BooleanBuffer::new_unset(rows), None),
        _ => BooleanArray::new_null(rows),
    }
}

fn concat(a: &Value, b: &Value, rows: usize, faults: &mut Faults) -> Column {
    let mut builder = ColumnBuilder::new(DataType::String, rows);
    let mut text = String::new();
    if let ColumnBuilder::String(out) = &mut builder {
        for row in 0..rows {
            match (a.str(row), b.str(row)) {
                (Some(a), Some(b)) if let Err(message) = fits(a.len() + b.len()) => {
                    faults.push(row, message);
                    out.append_null();
                }
                (Some(a), Some(b)) => {
                    text.clear();
                    text.push_str(a);
                    text.push_str(b);
                    out.append_value(&text);
                }
                _ => out.append_null(),
            }
        }
    }
    builder.finish()
}

/// A field of structs: null where the struct is.
fn field(value: &Value, ty: DataType, index: usize, of: DataType, rows: usize) -> Column {
    let structs = value.clone().into_column(ty, rows);
    let Column::Struct(array) = &structs else { return Column::new_null(of, rows) };
    let column = fields_of(array).swap_remove(index);
    match structs.nulls() {
        None => column,
        Some(nulls) => choose::null_out(column, (0..rows).filter(|row| nulls.is_null(*row))),
    }
}

/// `found`, or null where the value is null, or was not found in a list that has a null.
fn in_result(found: BooleanBuffer, value: &Value, has_null: bool, negated: Negated) -> BooleanArray {
    let mut valid = value.nulls().map(|n| n.inner().clone());
    if has_null {
        valid = Some(valid.map_or_else(|| found.clone(), |v| &v & &found));
    }
    let bits = if negated == Negated::Yes { !&found } else { found };
    BooleanArray::new(bits, valid.map(arrow_buffer::NullBuffer::new))
}

fn test(
    value: &Value,
    rows: usize,
    negated: Negated,
    matches: impl Fn(&arrow_array::StringViewArray) -> BooleanBuffer,
) -> Column {
    let column = value.clone().into_column(DataType::String, rows);
    let Column::String(strings) = &column else { unreachable!("types were settled: LIKE is over strings") };
    let bits = matches(strings);
    let bits = if negated == Negated::Yes { !&bits } else { bits };
    Column::Boolean(BooleanArray::new(bits, column.nulls().cloned()))
}
