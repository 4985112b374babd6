//! `admin`: who may sit at the administrator's desk.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::{Common, day, minute, operate};
use crate::admin::control::{Command, OperatorCode, OperatorRow};
use crate::admin::desk::Role;
use crate::cli::table;
use crate::telemetry::plain;

/// Names are letters, digits, '.', '-', '_' and '@'; capital letters are made small.
#[derive(Subcommand)]
pub(in crate::cli) enum AdminVerb {
    /// Add an operator, and print the code with which they begin
    ///
    /// On the desk's page they type name and code, choose a password, and set up an app or a passkey. The code is good for a
    /// day.
    #[command(after_help = "Example:\n  mailward admin add anna --role administrator")]
    Add {
        /// The operator's name
        name: String,
        /// viewer looks; operator clears, restricts, ends and locks; administrator adds operators and reads the audit log
        #[arg(long, default_value = "operator", value_parser = role)]
        role: Role,
        #[command(flatten)]
        common: Common,
    },
    /// The operators
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Change what an operator may do
    Role {
        /// The operator's name
        name: String,
        /// viewer, operator or administrator
        #[arg(value_parser = role)]
        role: Role,
        #[command(flatten)]
        common: Common,
    },
    /// Forget an operator's password, second proofs, tokens and sessions, and print a code for a new beginning
    Reset {
        /// The operator's name
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove an operator; sessions and tokens are good no more
    Remove {
        /// The operator's name
        name: String,
        #[command(flatten)]
        common: Common,
    },
}

pub(in crate::cli) fn admin(verb: AdminVerb, config: &Path) -> ExitCode {
    let (command, common) = match verb {
        AdminVerb::Add { name, role, common } => (Command::AddOperator { name, role }, common),
        AdminVerb::List { common } => (Command::ListOperators, common),
        AdminVerb::Role { name, role, common } => (Command::SetRole { name, role }, common),
        AdminVerb::Reset { name, common } => (Command::ResetOperator { name }, common),
        AdminVerb::Remove { name, common } => (Command::RemoveOperator { name }, common),
    };
    operate(&command, &common, config)
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "expected viewer, operator or administrator".to_owned())
}

pub(super) fn code(code: &OperatorCode) -> String {
    let OperatorCode { name, code, until, page } = code;
    let page = page.as_ref().map_or_else(
        || "nobody listens for the desk: set \"admin\" in [listen], then open /enrol there".to_owned(),
        |page| format!("{page}enrol?name={name}"),
    );
    format!(
        "{}: give them this code, good once until {}\n  code  {}\n  page  {}\n",
        plain(name),
        minute(until),
        plain(code),
        plain(&page)
    )
}

pub(super) fn listed(operators: &[OperatorRow]) -> String {
    if operators.is_empty() {
        return "no operator; add one with: mailward admin add NAME --role administrator\n".to_owned();
    }
    let dash = || "-".to_owned();
    let row = |operator: &OperatorRow| {
        vec![
            operator.name.clone(),
            operator.role.map_or_else(|| "?".to_owned(), |role| role.name().to_owned()),
            if operator.ready { operator.factors.join(", ") } else { "has not begun".to_owned() },
            operator.tokens.to_string(),
            operator.added.as_deref().map_or_else(dash, |added| day(added).to_owned()),
            operator.signed_in.as_deref().map_or_else(dash, minute),
        ]
    };
    table(
        &["NAME", "ROLE", "SECOND PROOF", "TOKENS", "ADDED", "SIGNED IN"],
        &operators.iter().map(row).collect::<Vec<_>>(),
    )
}
