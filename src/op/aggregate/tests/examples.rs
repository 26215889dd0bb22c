//! The examples of the table of aggregates, run.

use super::cases::{NOWHERE, to_end};
use super::*;
use crate::data::{Field, Schema};
use crate::expr::aggregate::{self, Example};
use crate::expr::{Scalar, Typed, parse, parse_item, resolve, resolve_aggregate};

/// A column of the types that its values have together.
fn column(values: &[&str]) -> Column {
    let all = values.iter().map(|text| format!("WHEN 0 = 1 THEN {text}")).collect::<Vec<_>>().join(" ");
    let ty = resolve(&parse(&format!("CASE {all} END")).unwrap(), &Schema::default()).unwrap().ty;
    let value = |text: &str| {
        let typed: Typed = resolve(&parse(&format!("CAST({text} AS {ty})")).unwrap(), &Schema::default()).unwrap();
        typed.eval(&Batch::new(Vec::new(), 1)).unwrap()
    };
    let values: Vec<Column> = values.iter().map(|text| value(text)).collect();
    Column::concat(&values.iter().collect::<Vec<_>>())
}

/// The result as SQL shows it, texts without quotes.
fn run(example: &Example) -> String {
    let width = example.rows[0].len();
    let columns: Vec<Column> =
        (0..width).map(|c| column(&example.rows.iter().map(|row| row[c]).collect::<Vec<_>>())).collect();
    let field = |(name, column): (&str, &Column)| Field { name: name.to_owned(), ty: column.data_type() };
    let schema = Schema { fields: ["x", "y"].into_iter().zip(&columns).map(field).collect() };
    let select = [parse_item(&format!("{} AS result", example.call)).unwrap()];
    let plan = resolve_aggregate(&[], &select, None, false, false, &schema).unwrap();
    let call = &plan.calls[0];
    let mut items = columns.clone();
    let rows = columns[0].len();
    let mut evaluated = |typed: &Typed| {
        items.push(typed.eval(&Batch::new(columns.clone(), rows)).unwrap());
        items.len() - 1
    };
    let args = call.args.iter().map(&mut evaluated).collect();
    let filter = call.filter.as_ref().map(&mut evaluated);
    let spec = AggregateSpec {
        input: items.iter().map(Column::data_type).collect(),
        keys: Vec::new(),
        key_names: Vec::new(),
        calls: vec![Call { function: call.function.clone(), distinct: call.distinct, args, filter }],
        call_names: vec![call.text.clone()],
        window: None,
        lateness: 0,
        emit: Emit::Close,
        late_output: false,
        processing: false,
        sorted: true,
        ordered: false,
    };
    let mut operator = AggregateOperator::new(spec);
    let mut out = Out::default();
    operator.on_batch(Batch::new(items, rows), &NOWHERE, &mut out).unwrap();
    to_end(&mut *operator, &mut out).unwrap();
    let (_, batch) = &out.emitted[0];
    let result = plan.outputs[0].1.eval(batch).unwrap();
    match Scalar::from_column(&result, 0) {
        Scalar::String(text) => text.to_string(),
        _ => result.display(0),
    }
}

#[test]
fn examples_are_so() {
    for entry in aggregate::all() {
        assert_eq!(run(&entry.example), entry.example.result, "{}", entry.example.call);
        assert!(!entry.doc.is_empty() && entry.signature.starts_with(entry.name));
    }
}

#[test]
fn names_are_those_of_no_other_function() {
    use crate::expr::function;
    let of_functions = function::all().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
    let of_aggregates = aggregate::all().flat_map(|a| std::iter::once(a.name).chain(a.aliases.iter().copied()));
    let mut names: Vec<&str> = of_functions.chain(of_aggregates).chain(function::FORMS.iter().map(|f| f.0)).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
