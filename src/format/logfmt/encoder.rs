//! Batches to logfmt: columns in order, nulls left out, quotes only where needed.

use crate::data::{Batch, Field};
use crate::format::json::{escape, needs_escape};
use crate::format::local::Local;
use crate::format::writer::{Values, printed, write_text, write_value};
use crate::format::{Encoder, LogfmtOptions, TimestampStyle};

pub struct LogfmtEncoder {
    style: TimestampStyle,
    local: Option<Local>,
    /// `name=` of each column.
    keys: Vec<Vec<u8>>,
}

impl LogfmtEncoder {
    pub fn new(options: &LogfmtOptions, schema: &[Field]) -> LogfmtEncoder {
        LogfmtEncoder {
            style: options.timestamp.clone(),
            local: Local::of(&options.timestamp),
            keys: schema.iter().map(|field| [field.name.as_bytes(), b"="].concat()).collect(),
        }
    }
}

/// Whether a column may have this name.
pub fn is_key(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte > b' ' && byte != b'=' && byte != b'"' && byte != 0x7F)
}

fn needs_quotes(text: &[u8]) -> bool {
    text.is_empty() || text.iter().any(|&byte| byte == b' ' || byte == b'=' || needs_escape(byte))
}

impl Encoder for LogfmtEncoder {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>, mut ends: Option<&mut Vec<u32>>) {
        let batch = &*Local::written(&self.local, batch);
        let batch = &*printed(batch, &self.style);
        let mut columns: Vec<Values> = batch.columns.iter().map(|column| Values::new(column, &self.style)).collect();
        for row in 0..batch.rows {
            let start = out.len();
            for (values, key) in columns.iter_mut().zip(&self.keys) {
                if values.is_null(row) {
                    continue;
                }
                if out.len() > start {
                    out.push(b' ');
                }
                write_text(key, out);
                match values.string(row) {
                    Some(text) if needs_quotes(text) => {
                        out.push(b'"');
                        escape(text, out);
                        out.push(b'"');
                    }
                    Some(text) => write_text(text, out),
                    None => write_value(values, row, out),
                }
            }
            out.push(b'\n');
            if let Some(ends) = &mut ends {
                ends.push(out.len() as u32);
            }
        }
    }
}
