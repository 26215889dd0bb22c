//! Functions of the 64 bits of an int. The operators `&`, `|`, `<<` and `>>` are calls of these.

use super::{Arg, BindError, Bound, Function, rows_to_int};

const I: Arg = Arg::Int;

pub const FUNCTIONS: &[Function] = &[
    Function::new("bitand", "bitand(a, b)", "the bits set in both; also a & b", ("12 & 10", "8"), &[I, I], |_| {
        both(|a, b| Ok(a & b))
    })
    .also(&["bitwise_and"]),
    Function::new(
        "bitor",
        "bitor(a, b)",
        "the bits set in one or both; also a | b",
        ("12 | 10", "14"),
        &[I, I],
        |_| both(|a, b| Ok(a | b)),
    )
    .also(&["bitwise_or"]),
    Function::new("bitxor", "bitxor(a, b)", "the bits set in just one", ("bitxor(12, 10)", "6"), &[I, I], |_| {
        both(|a, b| Ok(a ^ b))
    })
    .also(&["bitwise_xor"]),
    Function::new("bitnot", "bitnot(a)", "all bits turned", ("bitnot(0)", "-1"), &[I], |_| {
        rows_to_int(|args, row| Ok(args[0].int(row).map(|v| !v)))
    })
    .also(&["bitwise_not"]),
    Function::new(
        "shift_left",
        "shift_left(a, n)",
        "the bits of a moved up by n places, 0 to 63; what moves out is lost; also a << n",
        ("1 << 10", "1024"),
        &[I, I],
        |_| both(|a, n| places(n).map(|n| a << n)),
    ),
    Function::new(
        "shift_right",
        "shift_right(a, n)",
        "the bits of a moved down by n places, 0 to 63; the sign stays; also a >> n",
        ("-1024 >> 3", "-128"),
        &[I, I],
        |_| both(|a, n| places(n).map(|n| a >> n)),
    ),
    Function::new("bit_count", "bit_count(a)", "how many bits are set", ("bit_count(255)", "8"), &[I], |_| {
        rows_to_int(|args, row| Ok(args[0].int(row).map(|v| i64::from(v.count_ones()))))
    }),
];

fn both(f: fn(i64, i64) -> Result<i64, String>) -> Result<Bound, BindError> {
    rows_to_int(move |args, row| args[0].int(row).zip(args[1].int(row)).map(|(a, b)| f(a, b)).transpose())
}

fn places(n: i64) -> Result<u32, String> {
    u32::try_from(n).ok().filter(|n| *n < 64).ok_or_else(|| format!("a shift by {n} places: 0 to 63 are possible"))
}
