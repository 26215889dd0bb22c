//! Encodings of texts: hex, base64. URLs have their own file.

use super::super::value::Value;
use super::{Arg, Function, rows_to_string};

pub const FUNCTIONS: &[Function] = &[
    Function::new("hex", "hex(text)", "the bytes in hex digits", ("hex('aä')", "61c3a4"), &[Arg::Binary], |_| {
        rows_to_string(|args, row, out| Ok(input(&args[0], row).map(|bytes| hex(bytes, out))))
    }),
    Function::new("to_hex", "to_hex(int)", "an int in hex digits", ("to_hex(255)", "ff"), &[Arg::Int], |_| {
        rows_to_string(|args, row, out| Ok(args[0].int(row).map(|v| out.push_str(&format!("{v:x}")))))
    }),
];

/// The bytes of a text.
pub fn input(value: &Value, row: usize) -> Option<&[u8]> {
    value.str(row).map(str::as_bytes)
}

pub fn hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
