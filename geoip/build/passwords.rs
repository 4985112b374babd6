//! The passwords that everybody tries first, as a filter: `src/passwords.json` of `@zxcvbn-ts/language-common`.

use std::path::Path;

use mailward::domain::{Secret, Timestamp};
use mailward::intel::breached::Builder;

pub fn build(list: &Path, out: &Path) -> anyhow::Result<()> {
    let passwords: Vec<String> = serde_json::from_slice(&std::fs::read(list)?)?;
    let mut builder = Builder::new(out, 0)?;
    for password in passwords {
        builder.add_password(&Secret::new(password))?;
    }
    // The package does not say when its list was made.
    let built = builder.finish(Timestamp::from_millis(0))?;
    println!("{}: {} passwords, {} bytes", out.display(), built.keys, built.bytes);
    Ok(())
}
