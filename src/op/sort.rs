//! Comparing rows by sort keys: `order` of aggregates and of `top`.
//!
//! Every row gets a *head*, a number that compares like its first sort key, and where that does not decide (more
//! keys, or a string) a *rest*, bytes that compare like what remains. Heads are made a column at a time; rests only
//! for the rows that need them.

use crate::data::{Column, rowkey};

/// Sort by one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    pub column: usize,
    pub descending: bool,
    /// Where nulls go, whatever the direction.
    pub nulls_first: bool,
}

const NULL_FIRST: u128 = 0;
const NULL_LAST: u128 = u128::MAX;

/// Bytes of a string that fit into its head, which keeps clear of the heads of null.
const HEAD_BYTES: usize = 15;

/// The heads of some rows.
#[derive(Debug)]
pub struct Heads {
    pub values: Vec<u128>,
    /// Rows with equal heads are equal: there is no rest.
    pub exact: bool,
}

impl Heads {
    /// Heads of the `rows` rows of `columns` in the order of `keys`. Without keys all rows are equal.
    pub fn new(keys: &[SortKey], columns: &[Column], rows: usize) -> Heads {
        match keys.first() {
            None => Heads { values: vec![0; rows], exact: true },
            Some(key) => {
                let column = &columns[key.column];
                let exact = keys.len() == 1 && fits_head(column);
                Heads { values: heads_of(key, column), exact }
            }
        }
    }
}

/// Whether the heads of a column tell all its values apart.
fn fits_head(column: &Column) -> bool {
    use Column::{Boolean, Date, Decimal, Double, Int, Timestamp};
    matches!(column, Boolean(_) | Int(_) | Timestamp(_) | Double(_) | Decimal(_) | Date(_))
}

fn heads_of(key: &SortKey, column: &Column) -> Vec<u128> {
    let flip = if key.descending { u64::MAX } else { 0 };
    let small = |bits: u64| u128::from(bits ^ flip) + 1;
    let mut heads: Vec<u128> = match column {
        Column::Boolean(a) => (0..a.values().len()).map(|i| small(u64::from(a.values().value(i)))).collect(),
        Column::Int(a) => a.values().iter().map(|&v| small((v ^ i64::MIN) as u64)).collect(),
        Column::Timestamp(a) => a.values().iter().map(|&v| small((v ^ i64::MIN) as u64)).collect(),
        Column::Double(a) => a.values().iter().map(|&v| small(rowkey::ordered_bits(v))).collect(),
        // 38 digits are less than 2^127, which leaves the least and the greatest number to null.
        Column::Decimal(a) => {
            let flip = if key.descending { u128::MAX } else { 0 };
            a.values().iter().map(|&v| (v ^ i128::MIN) as u128 ^ flip).collect()
        }
        Column::String(a) => {
            let flip = if key.descending { (1 << (8 * HEAD_BYTES)) - 1 } else { 0 };
            (0..column.len()).map(|i| (string_head(a.value(i).as_bytes()) ^ flip) + 1).collect()
        }
        Column::Date(a) => a.values().iter().map(|&v| small((i64::from(v) ^ i64::MIN) as u64)).collect(),
        // The rest decides.
        _ => vec![1; column.len()],
    };
    if let Some(nulls) = column.nulls() {
        let null = if key.nulls_first { NULL_FIRST } else { NULL_LAST };
        for (head, valid) in heads.iter_mut().zip(nulls.iter()) {
            if !valid {
                *head = null;
            }
        }
    }
    heads
}

fn string_head(text: &[u8]) -> u128 {
    let mut raw = [0; 16];
    let len = text.len().min(HEAD_BYTES);
    raw[1..1 + len].copy_from_slice(&text[..len]);
    u128::from_be_bytes(raw)
}

/// Appends the rest of a row: what decides between rows with equal heads, unless heads are exact.
pub fn append_rest(rest: &mut Vec<u8>, keys: &[SortKey], columns: &[Column], row: usize) {
    for (i, key) in keys.iter().enumerate() {
        let column = &columns[key.column];
        if i == 0 && fits_head(column) {
            continue;
        }
        let start = rest.len();
        rowkey::append_value(rest, column, row);
        if rest.len() == start + 1 {
            // Null: a row key's tag of a value is 1.
            rest[start] = if key.nulls_first { 0 } else { 2 };
        } else if key.descending {
            rest[start + 1..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// Indices of the rows in order; equal rows stay in the order they have.
pub fn sorted_indices(keys: &[SortKey], columns: &[Column], rows: usize) -> Vec<u32> {
    let heads = Heads::new(keys, columns, rows);
    let mut order: Vec<(u128, u32)> = heads.values.iter().copied().zip(0..).collect();
    if heads.exact {
        order.sort_unstable();
    } else {
        let mut bytes = Vec::new();
        let ends: Vec<usize> = (0..rows)
            .map(|row| {
                append_rest(&mut bytes, keys, columns, row);
                bytes.len()
            })
            .collect();
        let rest = |row: u32| {
            let start = if row == 0 { 0 } else { ends[row as usize - 1] };
            &bytes[start..ends[row as usize]]
        };
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rest(a.1).cmp(rest(b.1))).then_with(|| a.1.cmp(&b.1)));
    }
    order.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnBuilder, DataType};
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn key(column: usize, descending: bool, nulls_first: bool) -> SortKey {
        SortKey { column, descending, nulls_first }
    }

    /// Compares two cells by the rule a user reads.
    fn compare<T: PartialOrd>(a: &Option<T>, b: &Option<T>, key: &SortKey) -> Ordering {
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, _) if key.nulls_first => Ordering::Less,
            (None, _) => Ordering::Greater,
            (_, None) => compare(b, a, key).reverse(),
            (Some(a), Some(b)) => {
                let order = a.partial_cmp(b).unwrap();
                if key.descending { order.reverse() } else { order }
            }
        }
    }

    fn strings(values: &[Option<String>]) -> Column {
        Column::String(values.iter().map(|v| v.as_deref()).collect())
    }

    proptest! {
        #[test]
        fn like_a_stable_sort_by_cells(
            rows in prop::collection::vec((
                prop::option::of(-2i64..3),
                prop::option::of("[ab\\x00é]{0,3}|aaaaaaaaaaaaaaa[ab]{0,2}"),
                prop::option::of(prop_oneof![Just(-1.5f64), Just(-0.0), Just(0.0), Just(f64::INFINITY)]),
            ), 0..40),
            keys in prop::collection::vec((0usize..3, any::<bool>(), any::<bool>()), 0..4),
        ) {
            let columns = vec![
                Column::Int(rows.iter().map(|r| r.0).collect()),
                strings(&rows.iter().map(|r| r.1.clone()).collect::<Vec<_>>()),
                Column::Double(rows.iter().map(|r| r.2).collect()),
            ];
            let keys: Vec<SortKey> = keys.into_iter().map(|(c, d, n)| key(c, d, n)).collect();
            let mut expected: Vec<u32> = (0..rows.len() as u32).collect();
            expected.sort_by(|&a, &b| {
                let (a, b) = (&rows[a as usize], &rows[b as usize]);
                keys.iter().fold(Ordering::Equal, |order, key| order.then_with(|| match key.column {
                    0 => compare(&a.0, &b.0, key),
                    1 => compare(&a.1, &b.1, key),
                    _ => compare(&a.2, &b.2, key),
                }))
            });
            prop_assert_eq!(sorted_indices(&keys, &columns, rows.len()), expected);
        }
    }

    #[test]
    fn decimals_and_booleans_at_their_limits() {
        let max = 10i128.pow(38) - 1;
        let mut builder = ColumnBuilder::new(DataType::Decimal { precision: 38, scale: 0 }, 4);
        if let ColumnBuilder::Decimal(b, ..) = &mut builder {
            b.append_value(max);
            b.append_null();
            b.append_value(-max);
        }
        let columns = [builder.finish(), Column::Boolean(vec![Some(true), None, Some(false)].into())];
        for (key, expected) in [
            (key(0, false, true), [1, 2, 0]),
            (key(0, true, true), [1, 0, 2]),
            (key(0, true, false), [0, 2, 1]),
            (key(1, false, false), [2, 0, 1]),
            (key(1, true, true), [1, 0, 2]),
        ] {
            assert_eq!(sorted_indices(&[key], &columns, 3), expected, "{key:?}");
        }
    }
}
