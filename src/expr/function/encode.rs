//! Encodings of bytes as text: hex, base64, UTF-8. URLs have their own file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::typed::Typed;
use super::{Arg, BindError, Bound, Function, constant_text, rows_to_bytes, rows_to_string};

const S: Arg = Arg::String;
const B: Arg = Arg::Binary;

pub const FUNCTIONS: &[Function] = &[
    Function::new("hex", "hex(x)", "bytes, or those of a text, in hex digits", ("hex('aä')", "61c3a4"), &[B], |_| {
        to_hex()
    }),
    Function::new(
        "unhex",
        "unhex(text)",
        "the bytes of hex digits",
        ("from_utf8(unhex('61c3a4'))", "aä"),
        &[S],
        |_| of_hex(),
    ),
    Function::new("to_hex", "to_hex(int)", "an int in hex digits", ("to_hex(255)", "ff"), &[Arg::Int], |_| {
        rows_to_string(|args, row, out| Ok(args[0].int(row).map(|v| out.push_str(&format!("{v:x}")))))
    }),
    Function::new(
        "to_base64",
        "to_base64(x)",
        "bytes, or those of a text, in base64",
        ("to_base64('abc')", "YWJj"),
        &[B],
        |_| to_base64(),
    ),
    Function::new(
        "from_base64",
        "from_base64(text)",
        "the bytes of base64; from_utf8 makes text of them",
        ("from_utf8(from_base64('YWJj'))", "abc"),
        &[S],
        |_| of_base64(),
    ),
    Function::new("to_utf8", "to_utf8(text)", "the bytes of a text", ("hex(to_utf8('ä'))", "c3a4"), &[S], |_| {
        rows_to_bytes(|args, row| Ok(args[0].bytes(row).map(<[u8]>::to_vec)))
    }),
    Function::new(
        "from_utf8",
        "from_utf8(bytes)",
        "the text of bytes; an error if they are no UTF-8",
        ("from_utf8(unhex('c3a4'))", "ä"),
        &[B],
        |_| {
            rows_to_string(|args, row, out| {
                let Some(bytes) = args[0].bytes(row) else { return Ok(None) };
                out.push_str(std::str::from_utf8(bytes).map_err(|_| "the bytes are no UTF-8".to_owned())?);
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "encode",
        "encode(x, 'hex' | 'base64')",
        "as hex and to_base64, as PostgreSQL has them",
        ("encode('abc', 'hex')", "616263"),
        &[B, S],
        |args| if is_hex(args)? { to_hex() } else { to_base64() },
    ),
    Function::new(
        "decode",
        "decode(text, 'hex' | 'base64')",
        "as unhex and from_base64",
        ("from_utf8(decode('YWJj', 'base64'))", "abc"),
        &[S, S],
        |args| if is_hex(args)? { of_hex() } else { of_base64() },
    ),
];

pub fn hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * bytes.len());
    out.extend(
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])),
    );
}

fn is_hex(args: &[Typed]) -> Result<bool, BindError> {
    match constant_text(args, 1, "the encoding")?.to_ascii_lowercase().as_str() {
        "hex" => Ok(true),
        "base64" => Ok(false),
        other => Err(BindError::new(1, format!("there is no encoding '{other}'")).help("write 'hex' or 'base64'")),
    }
}

fn to_hex() -> Result<Bound, BindError> {
    rows_to_string(|args, row, out| Ok(args[0].bytes(row).map(|bytes| hex(bytes, out))))
}

fn of_hex() -> Result<Bound, BindError> {
    rows_to_bytes(|args, row| {
        let Some(text) = args[0].str(row) else { return Ok(None) };
        let digit = |b: &u8| char::from(*b).to_digit(16).map(|d| d as u8);
        let pair = |pair: &[u8]| Some(digit(&pair[0])? << 4 | digit(pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Some).ok_or_else(|| format!("'{}' is not hex", start_of(text)))
    })
}

fn to_base64() -> Result<Bound, BindError> {
    rows_to_string(|args, row, out| Ok(args[0].bytes(row).map(|bytes| BASE64.encode_string(bytes, out))))
}

fn of_base64() -> Result<Bound, BindError> {
    rows_to_bytes(|args, row| {
        let Some(text) = args[0].str(row) else { return Ok(None) };
        BASE64.decode(text).map(Some).map_err(|_| format!("'{}' is not base64", start_of(text)))
    })
}

/// Enough of a text to know it again.
fn start_of(text: &str) -> String {
    text.chars().take(64).collect()
}
