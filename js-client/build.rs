//! Generates the list of the modules in `src`.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    let folder = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("src");
    let mut names = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.file_name().into_string().expect("module names are ASCII")))
        .collect::<io::Result<Vec<_>>>()?;
    names.retain(|name| name.ends_with(".js"));
    names.sort();

    let modules: String = names
        .iter()
        .map(|name| format!("Module::new({name:?}, include_bytes!({:?})),\n", folder.join(name)))
        .collect();
    let out = Path::new(&env::var_os("OUT_DIR").expect("set by cargo")).join("modules.rs");
    fs::write(out, format!("&[\n{modules}]"))
}
