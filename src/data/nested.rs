//! What is inside of lists and structs, and builders of them.

use arrow_array::{Array, ArrayRef, ListArray, StructArray, TimestampMicrosecondArray};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType as Arrow, FieldRef};

use super::{Column, ColumnBuilder, DataType, Field, arrow};

/// The items of all lists behind each other, of which [`ListArray::value_offsets`] says which list has which.
pub fn items_of(lists: &ListArray) -> Column {
    let Arrow::List(field) = lists.data_type() else { unreachable!("a list has the type of a list") };
    Column::from_array(lists.values(), arrow::type_of(field))
}

/// The fields of structs as columns; where the struct is null they hold anything.
pub fn fields_of(structs: &StructArray) -> Vec<Column> {
    let column = |(array, field): (&ArrayRef, &FieldRef)| Column::from_array(array, arrow::type_of(field));
    structs.columns().iter().zip(structs.fields()).map(column).collect()
}

/// The column with something else in place of its timestamps, also of those inside of lists and structs.
pub fn map_times(column: &Column, made: &mut dyn FnMut(&TimestampMicrosecondArray) -> Column) -> Column {
    match column {
        Column::Timestamp(times) => made(times),
        Column::List(lists) if column.data_type().has_times() => {
            let items = map_times(&items_of(lists), made);
            let field = arrow::item_field(items.data_type());
            Column::List(ListArray::new(field, lists.offsets().clone(), items.into(), lists.nulls().cloned()))
        }
        Column::Struct(structs) if column.data_type().has_times() => {
            let columns: Vec<Column> = fields_of(structs).iter().map(|field| map_times(field, made)).collect();
            let named = structs.column_names().into_iter().zip(&columns);
            let fields: Vec<Field> =
                named.map(|(name, column)| Field { name: name.to_owned(), ty: column.data_type() }).collect();
            let DataType::Struct(of) = DataType::structure(fields) else { return column.clone() };
            let arrays: Vec<ArrayRef> = columns.into_iter().map(ArrayRef::from).collect();
            let nulls = structs.nulls().cloned();
            let made = StructArray::try_new_with_length(arrow::struct_fields(of), arrays, nulls, structs.len());
            Column::Struct(made.expect("fields have the types of the struct"))
        }
        other => other.clone(),
    }
}

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
