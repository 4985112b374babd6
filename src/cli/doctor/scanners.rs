//! What `mailward doctor` says of the scanners: whether each is there.

use super::{Finding, fail, ok};
use crate::config::Config;
use crate::scan::try_out;

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scanner in &config.scanners {
        let named = format!("the scanner {} at {}", scanner.name, scanner.address);
        findings.push(match try_out(scanner).await {
            Ok(()) => ok(format!("{named} answers")),
            Err(silence) => fail(
                format!("{named}: {silence}"),
                "see its [[scanner]]; does it run, and may this user connect to it? A socket's folder too must let it in",
            ),
        });
    }
    findings
}
