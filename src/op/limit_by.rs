//! `limit` with `by`: the first n rows of each key.

use arrow_array::{BooleanArray, Int64Array};
use serde_json::Value;

use super::pass::judged_here;
use super::{MAIN, Operator, Out, RowContext};
use crate::data::{Batch, Column, DataType, Order};
use crate::error::Result;
use crate::state::keys::KeyIndex;
use crate::state::restored::misfit;
use crate::state::table::{Frozen, FrozenTable, Restored, TableShape};

/// What a `limit` with `by` does. Its results have the columns of its input.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitBySpec {
    pub n: u64,
    /// Key columns of the input.
    pub keys: Vec<usize>,
    /// Their types, and what they are called in its state.
    pub types: Vec<DataType>,
    pub names: Vec<String>,
}

/// Runs behind an exchange by its keys; rows keep their order.
pub struct LimitBy {
    spec: LimitBySpec,
    index: KeyIndex,
    /// Rows passed, of each key.
    passed: Vec<u64>,
    is_changed: bool,
    ids: Vec<u32>,
}

impl LimitBy {
    pub fn new(spec: LimitBySpec) -> LimitBy {
        let index = KeyIndex::new(&spec.types);
        LimitBy { spec, index, passed: Vec::new(), is_changed: true, ids: Vec::new() }
    }

    fn shape(&self) -> TableShape {
        let keys = self.spec.names.iter().cloned().zip(self.spec.types.iter().copied());
        let columns = keys.chain([("rows".to_owned(), DataType::Int)]).collect();
        TableShape::new("keys", columns, self.spec.types.len())
    }
}

impl Operator for LimitBy {
    fn on_batch(&mut self, batch: Batch, context: &RowContext, out: &mut Out) -> Result<()> {
        let keys: Vec<&Column> = self.spec.keys.iter().map(|&key| &batch.columns[key]).collect();
        self.index.ids(&keys, batch.rows, &mut self.ids);
        self.is_changed |= self.index.len() > self.passed.len();
        self.passed.resize(self.index.len(), 0);
        let (n, passed) = (self.spec.n, &mut self.passed);
        let mut any = false;
        let mask: BooleanArray = self
            .ids
            .iter()
            .map(|&id| {
                let passes = passed[id as usize] < n;
                passed[id as usize] += u64::from(passes);
                any |= passes;
                Some(passes)
            })
            .collect();
        self.is_changed |= any;
        // Who reads its rows reads one sequence, whatever inputs they came from.
        let seen = judged_here(&batch, context.watermark);
        let order = if matches!(batch.order, Order::Row(_)) { batch.order.clone() } else { Order::Arrival };
        out.emit(MAIN, Batch { seen, order, ..batch }.filter(&mask));
        Ok(())
    }

    fn tables(&self) -> Vec<TableShape> {
        vec![self.shape()]
    }

    fn freeze(&mut self, full: bool) -> Frozen {
        if !std::mem::replace(&mut self.is_changed, false) && !full {
            return Frozen { tables: vec![FrozenTable::Unchanged], scalars: Value::Null };
        }
        let (keys, passed) = (self.index.freeze(), self.passed.clone());
        let make = move || {
            let mut columns = keys.columns();
            columns.push(Column::Int(passed.iter().map(|&rows| rows as i64).collect::<Int64Array>()));
            columns
        };
        Frozen { tables: vec![FrozenTable::Rows(Box::new(make))], scalars: Value::Null }
    }

    fn restore(&mut self, mut state: Restored) -> Result<()> {
        let mut columns = state.take(&self.shape())?;
        let Some(Column::Int(passed)) = columns.pop() else { unreachable!("types were checked") };
        let mut ids = Vec::new();
        self.index.ids(&columns.iter().collect::<Vec<_>>(), passed.len(), &mut ids);
        if self.index.len() != passed.len() {
            return Err(misfit("a key is in its state more than once"));
        }
        self.passed = passed.values().iter().map(|&rows| rows.max(0) as u64).collect();
        Ok(())
    }
}
