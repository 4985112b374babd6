//! A password that is known to be bad: how long it may stay.

use std::time::Duration;

use crate::domain::Timestamp;

/// When a bad password must be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// By then.
    By(Timestamp),
    /// It should have been: the session reads only until it is.
    Now,
}

/// When a password that is known to be bad `since` then must be changed.
pub fn due(since: Timestamp, grace: Duration, now: Timestamp) -> Due {
    let until = since.after(grace);
    if now < until { Due::By(until) } else { Due::Now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_due_when_its_grace_is_over() {
        let at = |second: u64| Timestamp::from_millis(second * 1_000);
        let grace = Duration::from_secs(60);
        assert_eq!(due(at(100), grace, at(100)), Due::By(at(160)));
        assert_eq!(due(at(100), grace, at(159)), Due::By(at(160)));
        assert_eq!(due(at(100), grace, at(160)), Due::Now);
        assert_eq!(due(at(100), Duration::ZERO, at(100)), Due::Now);
        assert_eq!(due(at(100), grace, at(0)), Due::By(at(160)), "a clock that was set back");
    }
}
