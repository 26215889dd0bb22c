//! What `flott infer` takes.

use std::path::PathBuf;

use clap::Args;

use super::ColorChoice;

const EXAMPLES: &str = "Examples:
  flott infer payments.csv >> job.toml        a source with its schema, to be edited
  flott infer 'logs/*.jsonl.gz'               of several files the first
  zcat events.gz | flott infer - --format csv
  flott infer big.csv --records 100000        look further than at the first 1,000 records
  flott infer trips.parquet                   what the file says of itself, and its first rows

Comments say what was seen, and what else a column might be. Only as much is read as is looked at.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InferArgs {
    /// The file, or `-` for stdin; .gz and .zst are unpacked
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its format, such as csv or json [default: by name and content]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// How many records are looked at
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = records)]
    pub records: usize,
    /// Colours on stderr; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

fn records(text: &str) -> Result<usize, String> {
    match text.replace('_', "").parse() {
        Ok(0) | Err(_) => Err("expected a number from 1 up".into()),
        Ok(records) => Ok(records),
    }
}
