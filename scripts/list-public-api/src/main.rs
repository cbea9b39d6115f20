//! Prints the public API that a file of rustdoc JSON describes, one item a line. `scripts/public-api`
//! compares it with the committed list.

use std::{env, error::Error, fs, process::ExitCode};

use public_api::Builder;
use serde_json::Value;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: list-public-api RUSTDOC_JSON")?;
    let rustdoc: Value = serde_json::from_slice(&fs::read(&path)?)?;
    if rustdoc["format_version"] != FORMAT {
        let format = &rustdoc["format_version"];
        eprintln!("rustdoc writes format {format}, not {FORMAT}: the public API is not checked");
        return Ok(ExitCode::from(UNAVAILABLE));
    }
    let api = Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    print!("{api}");
    Ok(ExitCode::SUCCESS)
}

/// The format that this version of `public-api` reads.
const FORMAT: u32 = 57;

/// As of sysexits.h.
const UNAVAILABLE: u8 = 69;
