//! Lists, structs and JSON made of parts: the kernels of `[…]`, `struct(…)`, `to_json` and its kin, which take
//! anything and so are not in the table.

use super::super::value::Held;
use super::list::str;
use super::{BindError, Bound, Kernel, fits, rows_to};
use crate::data::{ColumnBuilder, DataType, write_json_string};

/// `[a, b, …]` of values of one type.
pub fn make_list(ty: DataType, count: usize) -> Kernel {
    let DataType::List(item) = ty else { unreachable!("the caller makes a list type") };
    kernel(rows_to(ty, vec![*item; count], |args, row, out| {
        let ColumnBuilder::List(out) = out else { return Ok(None) };
        for arg in args {
            let (column, at) = arg.at(row);
            out.items().append_from(column, at);
        }
        out.end();
        Ok(Some(()))
    }))
}

/// `struct(…)`
pub fn make_struct(ty: DataType, types: Vec<DataType>) -> Kernel {
    kernel(rows_to(ty, types, |args, row, out| {
        let ColumnBuilder::Struct(out) = out else { return Ok(None) };
        for (field, arg) in out.fields().iter_mut().zip(args) {
            let (column, at) = arg.at(row);
            field.append_from(column, at);
        }
        out.end();
        Ok(Some(()))
    }))
}

fn json_text(
    types: Vec<DataType>,
    f: impl Fn(&[Held], usize, &mut Vec<u8>) -> Result<Option<()>, String> + Send + Sync + 'static,
) -> Kernel {
    kernel(rows_to(DataType::Json, types, move |args, row, out| {
        let mut text = Vec::new();
        if f(args, row, &mut text)?.is_none() {
            return Ok(None);
        }
        fits(text.len())?;
        if let ColumnBuilder::Json(out) = out {
            out.append_value(String::from_utf8_lossy(&text));
        }
        Ok(Some(()))
    }))
}

/// Null stays null; anything else is JSON.
pub fn to_json(types: Vec<DataType>) -> Kernel {
    json_text(types, |args, row, out| {
        let (column, at) = args[0].at(row);
        Ok((!column.is_null(at)).then(|| column.write_json(at, out)))
    })
}

pub fn json_array(types: Vec<DataType>) -> Kernel {
    json_text(types, |args, row, out| {
        for (i, arg) in args.iter().enumerate() {
            out.push(if i == 0 { b'[' } else { b',' });
            let (column, at) = arg.at(row);
            column.write_json(at, out);
            fits(out.len())?;
        }
        out.extend_from_slice(if args.is_empty() { b"[]" } else { b"]" });
        Ok(Some(()))
    })
}

pub fn json_object(types: Vec<DataType>) -> Kernel {
    json_text(types, |args, row, out| {
        out.push(b'{');
        for (i, pair) in args.chunks(2).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let Some(name) = str(&pair[0], row) else { return Err("a name in json_object is null".to_owned()) };
            write_json_string(name, out);
            out.push(b':');
            let (column, at) = pair[1].at(row);
            column.write_json(at, out);
            fits(out.len())?;
        }
        out.push(b'}');
        Ok(Some(()))
    })
}

fn kernel(bound: Result<Bound, BindError>) -> Kernel {
    match bound {
        Ok(bound) => bound.kernel,
        Err(_) => unreachable!("these take anything"),
    }
}
