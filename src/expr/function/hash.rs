//! Hashes of texts and bytes. They are the same on every machine and in every version.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::encode::hex;
use super::{Arg, BindError, Bound, Function, rows_to_int, rows_to_string};

pub const FUNCTIONS: &[Function] = &[
    Function::new(
        "md5",
        "md5(x)",
        "the MD5 hash in hex digits",
        ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        &[Arg::Binary],
        |_| digest::<Md5>(),
    ),
    Function::new(
        "sha256",
        "sha256(x)",
        "the SHA-256 hash in hex digits",
        ("left(sha256('abc'), 16)", "ba7816bf8f01cfea"),
        &[Arg::Binary],
        |_| digest::<Sha256>(),
    ),
    Function::new(
        "sha512",
        "sha512(x)",
        "the SHA-512 hash in hex digits",
        ("left(sha512('abc'), 16)", "ddaf35a193617aba"),
        &[Arg::Binary],
        |_| digest::<Sha512>(),
    ),
    Function::new(
        "xxhash64",
        "xxhash64(x)",
        "the 64 bit xxHash as an int: quick, and good for spreading keys",
        ("xxhash64('abc')", "4952883123889572249"),
        &[Arg::Binary],
        |_| rows_to_int(|args, row| Ok(args[0].bytes(row).map(|b| xxhash_rust::xxh64::xxh64(b, 0).cast_signed()))),
    ),
    Function::new(
        "crc32",
        "crc32(x)",
        "the CRC-32 checksum as zip and Ethernet have it",
        ("crc32('abc')", "891568578"),
        &[Arg::Binary],
        |_| rows_to_int(|args, row| Ok(args[0].bytes(row).map(|bytes| i64::from(crc32fast::hash(bytes))))),
    ),
];

fn digest<D: Digest>() -> Result<Bound, BindError> {
    rows_to_string(|args, row, out| Ok(args[0].bytes(row).map(|bytes| hex(&D::digest(bytes), out))))
}
