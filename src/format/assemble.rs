//! From converted columns to a [`Decoded`]: rows with a value that did not convert are taken out and reported.

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBufferBuilder;
use arrow_select::filter::FilterBuilder;

use super::values::BadCell;
use super::{BadRecord, Decoded};
use crate::data::Column;

/// Where a record lies in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub offset: usize,
    /// Without the line end.
    pub len: usize,
    /// Line ends of the block before it.
    pub line: u64,
}

/// Puts a block together, with the places of its rows where `decoded` has room for them. `broken` are records that never became rows (their `row` counts all rows before them),
/// `cells` the values of rows that did not convert, `name` the name of a column, `place` that of a row's record.
pub fn assemble(
    mut decoded: Decoded,
    broken: Vec<BadRecord>,
    mut cells: Vec<BadCell>,
    name: impl Fn(usize) -> String,
    place: impl Fn(usize) -> Place,
) -> Decoded {
    if cells.is_empty() {
        decoded.bad = broken;
        if let Some(places) = &mut decoded.places {
            places.extend((0..decoded.rows).map(place));
        }
        return decoded;
    }
    // One report per row: its first column.
    cells.sort_by_key(|cell| (cell.row, cell.column));
    cells.dedup_by_key(|cell| cell.row);
    let mut good = BooleanBufferBuilder::new(decoded.rows);
    good.append_n(decoded.rows, true);
    cells.iter().for_each(|cell| good.set_bit(cell.row, false));
    if let Some(places) = &mut decoded.places {
        places.extend((0..decoded.rows).filter(|&row| good.get_bit(row)).map(&place));
    }
    let predicate = FilterBuilder::new(&BooleanArray::new(good.finish(), None)).optimize().build();
    decoded.columns = decoded.columns.iter().map(|column: &Column| column.filter(&predicate)).collect();
    let all_dropped = cells.len();
    decoded.rows -= all_dropped;

    let mut broken = broken.into_iter().peekable();
    for (dropped, cell) in cells.into_iter().enumerate() {
        while let Some(record) = broken.next_if(|record| record.row <= cell.row) {
            decoded.bad.push(BadRecord { row: record.row - dropped, ..record });
        }
        let Place { offset, len, line } = place(cell.row);
        let column = Some(name(cell.column));
        decoded.bad.push(BadRecord { row: cell.row - dropped, offset, len, line, column, reason: cell.reason });
    }
    decoded.bad.extend(broken.map(|record| BadRecord { row: record.row - all_dropped, ..record }));
    decoded
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;

    #[test]
    fn reports_come_in_order_and_count_good_rows() {
        let broken =
            |row, offset| BadRecord { row, offset, len: 1, line: offset as u64, column: None, reason: "broken".into() };
        let cell = |row, column| BadCell { row, column, reason: format!("cell {column}") };
        let column = Column::Int(Int64Array::from(vec![0, 1, 2, 3]));
        let decoded = Decoded { columns: vec![column], rows: 4, lines: 7, ..Decoded::default() };
        // Records: b r0 R1 b R2 r3 b, where R are rows with a bad value.
        let places = [1, 2, 4, 5];
        let out = assemble(
            decoded,
            vec![broken(0, 0), broken(2, 3), broken(4, 6)],
            vec![cell(2, 0), cell(1, 1), cell(1, 0)],
            |column| format!("c{column}"),
            |row| Place { offset: places[row], len: 1, line: places[row] as u64 },
        );
        assert_eq!(out.columns, vec![Column::Int(Int64Array::from(vec![0, 3]))]);
        let bad: Vec<_> = out.bad.iter().map(|b| (b.row, b.offset, b.reason.as_str())).collect();
        assert_eq!(bad, [(0, 0, "broken"), (1, 2, "cell 0"), (1, 3, "broken"), (1, 4, "cell 0"), (2, 6, "broken")]);
    }
}
