//! The pages of the documentation that are made from the tables and from the signals.

use std::fmt::Write as _;

use super::{Key, TABLES};
use crate::domain::{CAMPAIGN_SIGNALS, CONTENT_SIGNALS, MOVE_SIGNALS, SIGNALS, SignalKind};

/// `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         <!-- Made from src/config/schema/tables.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->\n\n\
         One TOML file, by default `/etc/mailward/mailward.toml`. `mailward check` names every mistake in it with line\n\
         and column; unknown keys are mistakes. A running gateway reads it again on SIGHUP; if there is a mistake, the\n\
         old one stays in force.\n\n\
         Forms:\n\n\
         - **file, folder**: relative ones are relative to the configuration file.\n\
         - **duration**: a whole number and `s`, `m`, `h` or `d`, in quotes: `\"90d\"`.\n\
         - **size**: a whole number and `B`, `KiB`, `MiB` or `GiB`, in quotes: `\"100MiB\"`.\n\
         - **limit**: at most so many in any window of that length: `\"200/h\"`, `\"5/10m\"`, `\"600/d\"`. Several in a list\n\
         \x20 hold all at once. Windows reach from one second to 31 days.\n\
         - **country**: ISO 3166-1, two letters: `\"DE\"`.\n\
         - **network**: `\"192.0.2.0/24\"`, `\"2001:db8::/32\"`, or one address.\n",
    );
    for table in TABLES.iter().filter(|table| !matches!(table.header, "[sign_in]" | "[send]")) {
        let title = if table.header.is_empty() { "Top of the file".to_owned() } else { format!("`{}`", table.header) };
        writeln!(page, "\n## {title}\n\n{}\n", table.text).expect("a String takes everything");
        page.push_str("| key | what stands there | when absent | meaning |\n|---|---|---|---|\n");
        for Key { name, form, absent, text } in table.keys {
            writeln!(page, "| `{name}` | {form} | {absent} | {text} |").expect("a String takes everything");
        }
    }
    page
}

/// `docs/signals.md`.
pub fn signals_reference() -> String {
    let mut page = String::from(
        "# Signals\n\n\
         <!-- Made from src/domain/signal.rs; `UPDATE_DOCS=1 cargo test --test it reference` writes it anew. -->\n\n\
         A sign-in that the webmail let through is compared with what is usual for its account. Each signal that speaks adds\n\
         its weight, and the sum meets the thresholds of `[risk]`. What is unknown adds nothing: an account that signs in for\n\
         the first time has nothing that could be new. Weights are changed by `[risk] weights`; 0 silences a signal.\n\n\
         Only a sign-in that passed, or that an operator cleared, teaches what is usual. Confirming a theft unteaches it.\n\n\
         | signal | weight | it speaks of a sign-in | why it weighs so much |\n|---|---|---|---|\n",
    );
    for SignalKind { name, weight, speaks, because } in &SIGNALS {
        writeln!(page, "| `{name}` | {weight} | {speaks} | {because} |").expect("a String takes everything");
    }
    page.push_str(
        "\n## Of a message\n\n\
         Where there is a `[[scanner]]`, what it says of a message about to be sent is compared with the same thresholds. Each\n\
         scanner's table may weigh them differently. More in [scan.md](scan.md).\n\n\
         | signal | weight | it speaks of a message | why it weighs so much |\n|---|---|---|---|\n",
    );
    for SignalKind { name, weight, speaks, because } in &CONTENT_SIGNALS {
        writeln!(page, "| `{name}` | {weight} | {speaks} | {because} |").expect("a String takes everything");
    }
    page.push_str(
        "\n## Of a campaign\n\n\
         By who else sent the like of a message lately, with or without scanners; added to what they say. Weights are changed by\n\
         `[risk] weights`. More in [campaigns.md](campaigns.md).\n\n\
         | signal | weight | it speaks of a message | why it weighs so much |\n|---|---|---|---|\n",
    );
    for SignalKind { name, weight, speaks, because } in &CAMPAIGN_SIGNALS {
        writeln!(page, "| `{name}` | {weight} | {speaks} | {because} |").expect("a String takes everything");
    }
    page.push_str(
        "\n## Of a session in doubt\n\n\
         A session with an open flag that does one of these things has its weight added to what was found\n\
         before: each raises the price of the next. What stands in `proof_for` of `[risk]` is not done without a second proof,\n\
         whatever the sum is. The flag lists each with its time and its target, so that it can be undone.\n\n\
         A session is watched, without a flag, where something speaks against it that is not enough for one: it comes from\n\
         outside, with a browser that the account has known for less than a day, and its sum is above 0; or its cookie is used\n\
         from another country and provider than where it signed in. There each move adds to the sum, and what stands in\n\
         `proof_for` is flagged and asked about by that sum. Who has no second proof is told that it is not possible from this\n\
         browser yet; all else goes on. Sessions against which nothing stands are never asked.\n\n\
         A filter, a forward, an out-of-office notice or an identity speaks only where it leads outside `own_domains` of the\n\
         site, drops mail, or cannot be read; a message, where its own fields for the sender or for answers do. Where no domain is\n\
         named, everything that leads anywhere speaks. Weights are changed by `[risk] weights` as well.\n\n\
         | signal | weight | it speaks of the session | why it weighs so much |\n|---|---|---|---|\n",
    );
    for SignalKind { name, weight, speaks, because } in &MOVE_SIGNALS {
        writeln!(page, "| `{name}` | {weight} | {speaks} | {because} |").expect("a String takes everything");
    }
    page
}
