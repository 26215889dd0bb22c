//! Generated expressions over all types and functions: whatever way they are evaluated, the answer is one.
//!
//! `PROPTEST_CASES=1000000 cargo test --release --lib expr::tests::fuzz` runs them long.
//! When they were written, they ran over about 80,000 expressions, of 0 to 6 rows each; what they found is in `found.rs`.

mod limits;
mod make;
mod model;
mod texts;
mod unfold;
mod values;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use self::make::{Made, Maker, made};
use self::values::{Choices, batch, schema, single};
use super::super::typed::Node;
use super::super::{EvalError, Expressions, Scalar, Typed, function, parse, resolve};
use crate::data::{Batch, Column};

/// What an expression gives for a row: its text, or null, or why it fails.
type Answer = Result<Option<String>, String>;

fn answer(column: &Column, row: usize) -> Option<String> {
    (!column.is_null(row)).then(|| {
        let mut text = Vec::new();
        column.write_text(row, &mut text);
        String::from_utf8(text).unwrap()
    })
}

/// All answers for a batch, which must be sound, and agree with what is said of rows that fail.
fn answers(made: &Made, batch: &Batch) -> Vec<Answer> {
    let Made { text, typed } = made;
    let mut failed = typed.faults(batch).into_iter().peekable();
    let first = failed.peek().cloned().map(|(row, message)| EvalError { row, message });
    let tried = || Typed::new(typed.ty, Node::Try(Box::new(typed.clone()))).eval(batch);
    // With TRY around it the rows that do not fail can be seen.
    let column = match typed.eval(batch) {
        Ok(column) if first.is_none() => column,
        found => {
            assert_eq!(found.err(), first, "{text}");
            tried().unwrap_or_else(|error| panic!("TRY({text}): {error:?}"))
        }
    };
    assert_eq!((column.len(), column.data_type()), (batch.rows, typed.ty), "{text}");
    values::check(&column, text);
    (0..batch.rows)
        .map(|row| match failed.next_if(|(failed, _)| *failed == row) {
            Some((_, message)) => {
                assert!(column.is_null(row), "{text}");
                Err(message)
            }
            None => Ok(answer(&column, row)),
        })
        .collect()
}

/// The expression with the values of a row in place of its columns.
fn filled_in(made: &Made, batch: &Batch, row: usize) -> Made {
    fn fill(typed: &mut Typed, batch: &Batch, row: usize) {
        if let Node::Column { index, .. } = typed.node {
            typed.node = Node::Literal(Scalar::from_column(&batch.columns[index], row));
        }
        typed.children_mut().into_iter().for_each(|child| fill(child, batch, row));
    }
    let mut filled = made.clone();
    fill(&mut filled.typed, batch, row);
    filled
}

/// The expression and the values of a row that it is over.
fn show(made: &Made, batch: &Batch, row: usize) -> String {
    let value = |i: usize| format!("{} = {}", schema().fields[i].name, batch.columns[i].display(row));
    let values: Vec<String> = made.typed.columns().into_iter().map(value).collect();
    format!("{} with {}", made.text, values.join(", "))
}

/// All ways to evaluate it agree.
fn check(made: &Made, batch: &Batch, choices: &mut Choices) {
    let began = Instant::now();
    let together = answers(made, batch);
    for (row, found) in together.iter().enumerate() {
        assert_eq!(&answers(made, &single(batch, row))[0], found, "one row: {}", show(made, batch, row));
        let constants = answers(&filled_in(made, batch, row), &Batch::new(Vec::new(), 2));
        assert_eq!([&constants[0], &constants[1]], [found, found], "constants: {}", show(made, batch, row));
    }
    let unfolded = unfold::unfolded(&made.text, &schema(), batch, choices);
    // A constant null has no type, and constant ints are short decimals.
    if let Some((unfolded, batch)) = unfolded.filter(|(unfolded, _)| unfolded.typed.ty == made.typed.ty) {
        for (row, (found, slow)) in together.iter().zip(answers(&unfolded, &batch)).enumerate() {
            // Types in messages may be others.
            assert_eq!(found.as_ref().ok(), slow.as_ref().ok(), "no constants: {}", show(made, &batch, row));
        }
    }
    printed(made, batch, &together);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?} for {}", began.elapsed(), made.text);
}

/// What plans show is the same expression.
fn printed(made: &Made, batch: &Batch, answers_of: &[Answer]) {
    let text = made.typed.to_string();
    let again = match parse(&text).and_then(|ast| resolve(&ast, &schema())) {
        Ok(typed) => Made { text: text.clone(), typed },
        // A conversion that always fails is refused if it is written.
        Err(error) if error.label.starts_with("cannot be cast") => return,
        Err(error) => panic!("{} is shown as {text}: {error:?}", made.text),
    };
    for (row, (found, again)) in answers_of.iter().zip(answers(&again, batch)).enumerate() {
        assert_eq!(found.as_ref().ok(), again.as_ref().ok(), "shown as {text}: {}", show(made, batch, row));
    }
}

fn numbers(count: usize) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..count)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..crate::format::fuzz::cases(600) })]

    #[test]
    fn whatever_way_it_is_evaluated(steps in 1usize..7, rows in 0usize..7, grown in numbers(150), filled in numbers(250)) {
        let schema = schema();
        let made = Maker::new(&schema, Choices::new(&grown)).make(steps);
        let mut choices = Choices::new(&filled);
        let batch = batch(&mut choices, rows);
        check(&made, &batch, &mut choices);
    }

    /// Parts that several expressions have in common change nothing.
    #[test]
    fn together_as_alone(steps in 1usize..7, count in 1usize..5, rows in 0usize..7, grown in numbers(250), filled in numbers(250)) {
        let schema = schema();
        let mut maker = Maker::new(&schema, Choices::new(&grown));
        let items: Vec<Made> = (0..count).map(|_| maker.again(steps)).collect();
        let batch = batch(&mut Choices::new(&filled), rows);
        let together = Expressions::new(items.iter().map(|item| item.typed.clone()).collect()).eval(&batch);
        let alone: Vec<_> = items.iter().map(|item| item.typed.eval(&batch)).collect();
        match (together, alone.iter().position(Result::is_err)) {
            (Ok(columns), None) => for ((item, column), alone) in items.iter().zip(columns).zip(alone) {
                let alone = alone.unwrap();
                (0..rows).for_each(|row| assert_eq!(answer(&column, row), answer(&alone, row), "{}", show(item, &batch, row)));
            },
            (found, first) => {
                let expected = first.map(|i| (i, alone[i].clone().unwrap_err()));
                prop_assert_eq!(found.err(), expected);
            }
        }
    }
}

/// Every function of the table is among what is generated, and every type of its arguments that it takes.
#[test]
fn every_function_is_called() {
    let schema = schema();
    let mut never = Vec::new();
    for function in function::all() {
        let mut called = 0;
        for seed in 0..2000u64 {
            let mut state = seed * 31 + function.name.len() as u64;
            let numbers: Vec<u32> = (0..300)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (state >> 33) as u32
                })
                .collect();
            let mut maker = Maker::new(&schema, Choices::new(&numbers));
            let text = maker.call(function);
            if let Some(made) = made(&text, &schema) {
                let batch = batch(&mut maker.choices, 4);
                check(&made, &batch, &mut maker.choices);
                called += 1;
            }
            if called == 6 {
                break;
            }
        }
        if called < 6 {
            never.push((function.name, called));
        }
    }
    assert_eq!(never, [], "names and how often they could be called");
}
