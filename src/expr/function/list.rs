//! Functions of lists. Elements are counted from 1, from the end if the number is negative.

use std::cmp::Ordering;

use arrow_array::Array;

use super::super::typed::Typed;
use super::super::value::{Held, Scalar};
use super::split::items_fit;
use super::{Arg, BindError, Bound, Function, fits, rows_to};
use crate::data::{Column, ColumnBuilder, DataType, items_of, rowkey};

const L: Arg = Arg::List;
const S: Arg = Arg::String;
const I: Arg = Arg::Int;
const A: Arg = Arg::Any;

pub const FUNCTIONS: &[Function] = &[
    Function::new(
        "cardinality",
        "cardinality(list)",
        "the number of elements",
        ("cardinality([1, NULL])", "2"),
        &[L],
        |args| {
            rows_to(DataType::Int, types(args), |args, row, out| {
                Ok(List::new(&args[0], row).map(|list| push_int(list.len as i64, out)))
            })
        },
    )
    .also(&["array_length", "array_size", "list_length"]),
    Function::new(
        "element_at",
        "element_at(list, i)",
        "an element, null if there is none; also list[i]",
        ("['a', 'b'][-1]", "b"),
        &[L, I],
        |args| {
            let ty = item_type(args);
            rows_to(ty, types(args), |args, row, out| {
                let Some((list, i)) = List::new(&args[0], row).zip(int(&args[1], row)) else { return Ok(None) };
                Ok(list.place(i).map(|at| out.append_from(list.items, at)))
            })
        },
    )
    .also(&["list_element", "list_extract", "array_extract"]),
    Function::new(
        "slice",
        "slice(list, from [, to])",
        "the elements from one to another, both included; also list[from:to]",
        ("CAST([1, 2, 3, 4][2:3] AS string)", "[2,3]"),
        &[L, I, I],
        |args| {
            same_list(args, |args, row, keep| {
                let Some((list, from)) = List::new(&args[0], row).zip(int(&args[1], row)) else { return Ok(None) };
                let to = match args.get(2) {
                    None => list.len as i64,
                    Some(to) => match int(to, row) {
                        Some(to) => to,
                        None => return Ok(None),
                    },
                };
                let end = |n: i64| if n < 0 { n.saturating_add(list.len as i64 + 1) } else { n };
                let (from, to) = (end(from).max(1), end(to).min(list.len as i64));
                (from..=to).for_each(|i| keep(list.items, list.start + i as usize - 1));
                Ok(Some(()))
            })
        },
    )
    .also(&["array_slice", "list_slice"])
    .least(2),
    Function::new(
        "array_contains",
        "array_contains(list, x)",
        "whether x is one of the elements",
        ("array_contains([1, 2], 2)", "true"),
        &[L, A],
        |args| {
            let same = sought(args)?;
            rows_to(DataType::Boolean, types(args), move |args, row, out| {
                Ok(find(args, row, same).map(|found| {
                    if let ColumnBuilder::Boolean(out) = out {
                        out.append_value(found.is_some());
                    }
                }))
            })
        },
    )
    .also(&["list_contains", "array_has", "list_has"]),
    Function::new(
        "array_position",
        "array_position(list, x)",
        "where x is first, null if nowhere",
        ("array_position(['a', 'b'], 'b')", "2"),
        &[L, A],
        |args| {
            let same = sought(args)?;
            rows_to(DataType::Int, types(args), move |args, row, out| {
                Ok(find(args, row, same).flatten().map(|at| push_int(at as i64 + 1, out)))
            })
        },
    )
    .also(&["list_position", "array_indexof", "list_indexof"]),
    Function::new(
        "array_join",
        "array_join(list, separator [, null])",
        "the elements as text with a separator between; nulls are left out, or written so",
        ("array_join(['a', NULL, 'b'], '-')", "a-b"),
        &[L, S, S],
        |args| {
            rows_to(DataType::String, types(args), |args, row, out| {
                let Some((list, separator)) = List::new(&args[0], row).zip(str(&args[1], row)) else { return Ok(None) };
                let null = args.get(2).and_then(|arg| str(arg, row));
                let mut text = Vec::new();
                let shown = list.places().filter(|at| null.is_some() || !list.items.is_null(*at));
                for (i, at) in shown.enumerate() {
                    if i > 0 {
                        text.extend_from_slice(separator.as_bytes());
                    }
                    match null.filter(|_| list.items.is_null(at)) {
                        Some(null) => text.extend_from_slice(null.as_bytes()),
                        None => list.items.write_text(at, &mut text),
                    }
                    fits(text.len())?;
                }
                if let ColumnBuilder::String(out) = out {
                    out.append_value(String::from_utf8_lossy(&text));
                }
                Ok(Some(()))
            })
        },
    )
    .also(&["array_to_string", "list_to_string"])
    .least(2),
    Function::new(
        "array_distinct",
        "array_distinct(list)",
        "each element once, at its first place",
        ("array_join(array_distinct([2, 1, 2]), ',')", "2,1"),
        &[L],
        |args| {
            same_list(args, |args, row, keep| {
                let Some(list) = List::new(&args[0], row) else { return Ok(None) };
                let mut seen = std::collections::HashSet::new();
                list.places().filter(|at| seen.insert(list.key(*at))).for_each(|at| keep(list.items, at));
                Ok(Some(()))
            })
        },
    )
    .also(&["list_distinct", "list_unique"]),
    Function::new(
        "array_sort",
        "array_sort(list [, order])",
        "the elements in order, nulls first; 'desc' turns it round",
        ("array_join(array_sort([3, 1, 2], 'desc'), ',')", "3,2,1"),
        &[L, S],
        |args| {
            let descending = match args.get(1).and_then(Typed::as_constant) {
                None if args.len() == 1 => false,
                Some(Scalar::String(order)) if order.eq_ignore_ascii_case("desc") => true,
                Some(Scalar::String(order)) if order.eq_ignore_ascii_case("asc") => false,
                _ => return Err(BindError::new(1, "the order is 'asc' or 'desc'")),
            };
            same_list(args, move |args, row, keep| {
                let Some(list) = List::new(&args[0], row) else { return Ok(None) };
                let mut keyed: Vec<(Vec<u8>, usize)> = list.places().map(|at| (list.key(at), at)).collect();
                keyed.sort();
                if descending {
                    keyed.reverse();
                }
                keyed.iter().for_each(|(_, at)| keep(list.items, *at));
                Ok(Some(()))
            })
        },
    )
    .also(&["list_sort", "sort_array"])
    .least(1),
    Function::new(
        "array_reverse",
        "array_reverse(list)",
        "the elements from last to first",
        ("array_join(array_reverse([1, 2, 3]), ',')", "3,2,1"),
        &[L],
        |args| {
            same_list(args, |args, row, keep| {
                let Some(list) = List::new(&args[0], row) else { return Ok(None) };
                list.places().rev().for_each(|at| keep(list.items, at));
                Ok(Some(()))
            })
        },
    )
    .also(&["list_reverse"]),
    Function::new(
        "array_concat",
        "array_concat(a, b, …)",
        "the elements of all lists behind each other; lists that are null are left out",
        ("array_join(array_concat([1], [2, 3]), ',')", "1,2,3"),
        &[L],
        |args| {
            same_list(args, |args, row, keep| {
                for arg in args {
                    if let Some(list) = List::new(arg, row) {
                        list.places().for_each(|at| keep(list.items, at));
                    }
                }
                Ok(Some(()))
            })
        },
    )
    .also(&["list_concat", "array_cat", "list_cat"])
    .variadic(),
    Function::new(
        "array_append",
        "array_append(list, x)",
        "x as one more element",
        ("array_join(array_append([1], 2), ',')", "1,2"),
        &[L, A],
        |args| {
            same_item(args)?;
            same_list(args, |args, row, keep| {
                if let Some(list) = List::new(&args[0], row) {
                    list.places().for_each(|at| keep(list.items, at));
                }
                let (column, at) = args[1].at(row);
                keep(column, at);
                Ok(Some(()))
            })
        },
    )
    .also(&["list_append", "array_push_back"]),
    Function::new(
        "array_remove",
        "array_remove(list, x)",
        "the elements that are not x",
        ("array_join(array_remove([1, 2, 1], 1), ',')", "2"),
        &[L, A],
        |args| {
            let same = sought(args)?;
            same_list(args, move |args, row, keep| {
                let Some(list) = List::new(&args[0], row) else { return Ok(None) };
                let (column, at) = args[1].at(row);
                list.places().filter(|i| !same(list.items, *i, column, at)).for_each(|i| keep(list.items, i));
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "array_min",
        "array_min(list)",
        "the least element that is not null",
        ("array_min([2, 1])", "1"),
        &[L],
        |args| extreme(args, Ordering::Less),
    )
    .also(&["list_min"]),
    Function::new(
        "array_max",
        "array_max(list)",
        "the greatest element that is not null",
        ("array_max([2, 1])", "2"),
        &[L],
        |args| extreme(args, Ordering::Greater),
    )
    .also(&["list_max"]),
    Function::new(
        "flatten",
        "flatten(list)",
        "a list of lists as one list",
        ("array_join(flatten([[1], [2, 3]]), ',')", "1,2,3"),
        &[L],
        |args| {
            let DataType::List(inner @ DataType::List(_)) = args[0].ty else {
                return Err(BindError::new(0, format!("flatten takes a list of lists, not {}", args[0].ty)));
            };
            rows_to(*inner, types(args), |args, row, out| {
                let (Some(list), ColumnBuilder::List(out)) = (List::new(&args[0], row), out) else { return Ok(None) };
                let Column::List(inner) = list.items else { return Ok(None) };
                let elements = items_of(inner);
                let ends = inner.value_offsets();
                let lists = || list.places().filter(|at| !inner.is_null(*at));
                items_fit(lists().map(|at| (ends[at + 1] - ends[at]) as usize).sum())?;
                for at in lists() {
                    (ends[at]..ends[at + 1]).for_each(|at| out.items().append_from(&elements, at as usize));
                }
                out.end();
                Ok(Some(()))
            })
        },
    ),
];

/// The elements of a row's list: so many of a column, from `start` on.
struct List<'a> {
    items: &'a Column,
    start: usize,
    len: usize,
}

impl<'a> List<'a> {
    fn new(held: &'a Held, row: usize) -> Option<List<'a>> {
        let (items, places) = held.list(row)?;
        Some(List { items, start: places.start, len: places.len() })
    }

    fn places(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.len
    }

    /// Where element `i` is, counted from 1 or from the end.
    fn place(&self, i: i64) -> Option<usize> {
        let len = self.len as i64;
        let i = if i < 0 { i.checked_add(len)? } else { i - 1 };
        (0..len).contains(&i).then(|| self.start + i as usize)
    }

    /// Orders as values do, nulls first.
    fn key(&self, at: usize) -> Vec<u8> {
        let mut key = Vec::new();
        rowkey::append_value(&mut key, self.items, at);
        key
    }
}

fn push_int(value: i64, out: &mut ColumnBuilder) {
    if let ColumnBuilder::Int(out) = out {
        out.append_value(value);
    }
}

fn types(args: &[Typed]) -> Vec<DataType> {
    args.iter().map(|arg| arg.ty).collect()
}

fn item_type(args: &[Typed]) -> DataType {
    match args[0].ty {
        DataType::List(item) => *item,
        other => other,
    }
}

fn int(held: &Held, row: usize) -> Option<i64> {
    match held.at(row) {
        (Column::Int(a), row) if !a.is_null(row) => Some(a.value(row)),
        _ => None,
    }
}

pub(super) fn str(held: &Held, row: usize) -> Option<&str> {
    match held.at(row) {
        (Column::String(a), row) if !a.is_null(row) => Some(a.value(row)),
        _ => None,
    }
}

/// A list of the type of argument 0: `f` is given what keeps an element.
fn same_list(
    args: &[Typed],
    f: impl Fn(&[Held], usize, &mut dyn FnMut(&Column, usize)) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Result<Bound, BindError> {
    for (i, arg) in args.iter().enumerate().skip(1) {
        if matches!(arg.ty, DataType::List(_)) && arg.ty != args[0].ty {
            let message = format!("the lists have different types: {} and {}", args[0].ty, arg.ty);
            return Err(BindError::new(i, message).help(format!("write CAST(… AS {})", args[0].ty)));
        }
    }
    rows_to(args[0].ty, types(args), move |args, row, out| {
        let ColumnBuilder::List(out) = out else { return Ok(None) };
        let mut count = 0;
        let done = f(args, row, &mut |column, at| {
            count += 1;
            if items_fit(count).is_ok() {
                out.items().append_from(column, at);
            }
        })?;
        // Before the list is ended: of a row that fails, a null is made.
        items_fit(count)?;
        if done.is_some() {
            out.end();
        }
        Ok(done)
    })
}

type Same = fn(&Column, usize, &Column, usize) -> bool;

/// The second argument is looked for among the elements of the first.
fn sought(args: &[Typed]) -> Result<Same, BindError> {
    same_item(args)?;
    Ok(|a, i, b, j| {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        rowkey::append_value(&mut left, a, i);
        rowkey::append_value(&mut right, b, j);
        left == right
    })
}

fn same_item(args: &[Typed]) -> Result<(), BindError> {
    let item = item_type(args);
    if args[1].ty == item || args[1].is_null_literal() {
        return Ok(());
    }
    let message = format!("the elements are {item}, this is {}", args[1].ty);
    Err(BindError::new(1, message).help(format!("write CAST(… AS {item})")))
}

/// `None` for null, else where it is, from 0.
fn find(held: &[Held], row: usize, same: Same) -> Option<Option<usize>> {
    let list = List::new(&held[0], row)?;
    let (column, at) = held[1].at(row);
    if column.is_null(at) {
        return None;
    }
    Some(list.places().position(|i| same(list.items, i, column, at)))
}

fn extreme(args: &[Typed], wanted: Ordering) -> Result<Bound, BindError> {
    rows_to(item_type(args), types(args), move |args, row, out| {
        let Some(list) = List::new(&args[0], row) else { return Ok(None) };
        let mut best: Option<(Vec<u8>, usize)> = None;
        for at in list.places().filter(|at| !list.items.is_null(*at)) {
            let key = list.key(at);
            if best.as_ref().is_none_or(|(b, _)| key.cmp(b) == wanted) {
                best = Some((key, at));
            }
        }
        Ok(best.map(|(_, at)| out.append_from(list.items, at)))
    })
}
