use super::*;
use crate::data::Column;
use arrow_array::{Float64Array, StringViewArray};
use proptest::prelude::*;

fn ints(values: &[Option<i64>]) -> Column {
    Column::Int(Int64Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> Column {
    Column::String(StringViewArray::from(values.to_vec()))
}

fn ids(index: &mut KeyIndex, columns: &[&Column]) -> Vec<u32> {
    let mut out = Vec::new();
    index.ids(columns, columns[0].len(), &mut out);
    out
}

#[test]
fn null_is_a_key_and_sorts_first() {
    let column = ints(&[Some(5), None, Some(i64::MIN), Some(5), None]);
    let mut index = KeyIndex::new(&[DataType::Int]);
    assert_eq!(ids(&mut index, &[&column]), [0, 1, 2, 0, 1]);
    let mut sorted = vec![0, 1, 2];
    index.sort(&mut sorted);
    assert_eq!(sorted, [1, 2, 0]);
    assert_eq!(index.key_columns(&sorted), [ints(&[None, Some(i64::MIN), Some(5)])]);
}

#[test]
fn the_empty_string_is_not_null() {
    let column = texts(&[Some(""), None, Some("a longer text than twelve"), Some(""), None]);
    let mut index = KeyIndex::new(&[DataType::String]);
    assert_eq!(ids(&mut index, &[&column]), [0, 1, 2, 0, 1]);
    let mut sorted = vec![2, 0, 1];
    index.sort(&mut sorted);
    assert_eq!(sorted, [1, 0, 2]);
    assert_eq!(index.key_columns(&sorted), [texts(&[None, Some(""), Some("a longer text than twelve")])]);
    let mut found = Vec::new();
    index.find(&[&texts(&[None, Some("b"), Some("")])], 3, &mut found);
    assert_eq!(found, [1, MISSING, 0]);
}

#[test]
fn zeros_are_one_key_and_nans_are_one_key() {
    let odd_nan = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 5);
    let column = Column::Double(Float64Array::from(vec![-0.0, 0.0, f64::NAN, odd_nan, -1.0]));
    let mut index = KeyIndex::new(&[DataType::Double]);
    assert_eq!(ids(&mut index, &[&column]), [0, 0, 1, 1, 2]);
    let mut sorted = vec![0, 1, 2];
    index.sort(&mut sorted);
    assert_eq!(sorted, [2, 0, 1]);
}

#[test]
fn no_key_columns_are_one_group() {
    let mut index = KeyIndex::new(&[]);
    assert!(index.is_empty());
    let mut out = Vec::new();
    index.ids(&[], 3, &mut out);
    assert_eq!((out, index.len()), (vec![0, 0, 0], 1));
}

proptest! {
    #[test]
    fn ids_follow_keys(
        rows in prop::collection::vec((prop::option::of(-300i64..300), prop::option::of("[a-c\0]{0,14}")), 0..900),
    ) {
        let a = ints(&rows.iter().map(|r| r.0).collect::<Vec<_>>());
        let b = texts(&rows.iter().map(|r| r.1.as_deref()).collect::<Vec<_>>());
        for columns in [vec![&a], vec![&b], vec![&b, &a]] {
            let types: Vec<_> = columns.iter().map(|c| c.data_type()).collect();
            let mut index = KeyIndex::new(&types);
            let out = ids(&mut index, &columns);
            // The key columns of the ids are the input, and the encoding of the keys is the order.
            let back = index.key_columns(&out);
            prop_assert_eq!(back.iter().collect::<Vec<_>>(), columns.clone());
            let mut found = Vec::new();
            index.find(&columns, rows.len(), &mut found);
            prop_assert_eq!(&found, &out);
            let frozen = index.freeze();
            let all: Vec<u32> = (0..index.len() as u32).collect();
            prop_assert_eq!((frozen.len(), frozen.columns()), (all.len(), index.key_columns(&all)));
            let mut sorted: Vec<u32> = (0..index.len() as u32).collect();
            index.sort(&mut sorted);
            let keys = index.key_columns(&sorted);
            let encoded = rowkey::RowKeys::encode(&keys.iter().collect::<Vec<_>>(), sorted.len());
            for i in 1..sorted.len() {
                prop_assert!(encoded.get(i - 1) < encoded.get(i));
            }
            let (even, odd): (Vec<u32>, Vec<u32>) = sorted.iter().partition(|&id| id % 2 == 0);
            prop_assert_eq!(index.merge_sorted(&even, &odd), sorted);
            index.clear();
            prop_assert!(index.is_empty());
        }
    }
}
