//! The permit without which no sign-in and no send reaches the webmail.

/// Proof that `policy` let one sign-in or send pass. Its field is private: only this room makes one. It is neither
/// `Clone` nor `Copy`: one permit, one exchange.
#[derive(Debug)]
pub struct Permit(());

impl Permit {
    pub(super) const fn grant() -> Self {
        Self(())
    }
}
