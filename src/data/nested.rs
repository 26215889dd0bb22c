//! Builders of lists and structs.

use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use super::{ColumnBuilder, DataType, Field, arrow};

/// Builds lists: append the items of one to [`ListBuilder::items`], then end it.
#[derive(Debug)]
pub struct ListBuilder {
    item: DataType,
    items: Box<ColumnBuilder>,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl ListBuilder {
    pub fn new(item: DataType, capacity: usize) -> ListBuilder {
        let items = Box::new(ColumnBuilder::new(item, capacity));
        ListBuilder { item, items, ends: vec![0], valid: NullBufferBuilder::new(capacity) }
    }

    /// The items behind each other of all lists so far, and those of the next one.
    pub fn items(&mut self) -> &mut ColumnBuilder {
        &mut self.items
    }

    /// The items since the last call are a list.
    pub fn end(&mut self) {
        self.close(true);
    }

    pub fn append_null(&mut self) {
        self.close(false);
    }

    fn close(&mut self, valid: bool) {
        // Memory ends long before: 2^31 items.
        self.ends.push(i32::try_from(self.items.len()).unwrap_or(i32::MAX));
        self.valid.append(valid);
    }

    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn finish(&mut self) -> ListArray {
        let items: ArrayRef = self.items.finish().into();
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        ListArray::new(arrow::item_field(self.item), offsets, items, self.valid.finish())
    }
}

/// Builds structs: append a value to each of [`StructBuilder::fields`], then end it.
#[derive(Debug)]
pub struct StructBuilder {
    of: &'static [Field],
    columns: Vec<ColumnBuilder>,
    valid: NullBufferBuilder,
    rows: usize,
}

impl StructBuilder {
    pub fn new(of: &'static [Field], capacity: usize) -> StructBuilder {
        let columns = of.iter().map(|field| ColumnBuilder::new(field.ty, capacity)).collect();
        StructBuilder { of, columns, valid: NullBufferBuilder::new(capacity), rows: 0 }
    }

    /// Names and types of the fields.
    pub fn of(&self) -> &'static [Field] {
        self.of
    }

    pub fn fields(&mut self) -> &mut [ColumnBuilder] {
        &mut self.columns
    }

    /// Each field has got its value.
    pub fn end(&mut self) {
        self.valid.append(true);
        self.rows += 1;
        debug_assert!(self.columns.iter().all(|column| column.len() == self.rows));
    }

    pub fn append_null(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuilder::append_null);
        self.valid.append(false);
        self.rows += 1;
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub fn finish(&mut self) -> StructArray {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(|column| column.finish().into()).collect();
        let valid: Option<NullBuffer> = self.valid.finish();
        let rows = std::mem::take(&mut self.rows);
        StructArray::try_new_with_length(arrow::struct_fields(self.of), arrays, valid, rows)
            .expect("fields have the types of the struct")
    }
}
