//! Who may sit at the desk: added, begun again and removed here, by the command line or an administrator.

use super::words::{OperatorCode, OperatorRow, Reply};
use super::{By, Control, NotDone};
use crate::admin::desk::Role;
use crate::admin::desk::operator::{self, OPENID_BEGINS, OpenIdOwner, Operator};
use crate::domain::Timestamp;
use crate::store::Away;

/// Each time that somebody else changed the operator in between, it is done anew.
const AGAIN_MAX: usize = 4;

impl Control {
    /// An operator and the version of its record; none of that name.
    ///
    /// # Errors
    /// The store is away, or the key is gone that the record was sealed with.
    pub async fn operator(&self, name: &str) -> Result<Option<(Operator, u64)>, Away> {
        let Some(sealed) = self.store.operator(name).await? else { return Ok(None) };
        let unread = || Away { what: "an operator cannot be opened: is a key missing in key_file?".to_owned() };
        let operator = Operator::open(&sealed.bytes, name, &self.keys).ok_or_else(unread)?;
        Ok(Some((operator, sealed.version)))
    }

    pub(super) async fn add_operator(&self, typed: &str, role: Role, now: Timestamp) -> Result<Reply, NotDone> {
        let name = operator_name(typed)?;
        let (operator, code) = Operator::new(&name, role, &self.keys, self.dice.bytes(), now);
        let sealed = operator.seal(&name, &self.keys, self.dice.bytes());
        if !self.store.put_operator(&name, sealed, 0).await? {
            return Err(NotDone::SuchOperator(name));
        }
        Ok(Reply::OperatorCode(self.operator_code(name, code, now)))
    }

    pub(super) async fn reset_operator(&self, typed: &str, now: Timestamp) -> Result<Reply, NotDone> {
        let name = operator_name(typed)?;
        // One code for all attempts: only the last is kept.
        let random = self.dice.bytes();
        let mut code = String::new();
        let begun =
            self.change_operator(&name, |operator| code = operator.begin_again(&name, &self.keys, random, now)).await?;
        begun.ok_or_else(|| NotDone::NoSuchOperator(name.clone()))?;
        Ok(Reply::OperatorCode(self.operator_code(name, code, now)))
    }

    pub(super) async fn set_role(&self, typed: &str, role: Role) -> Result<Reply, NotDone> {
        let name = operator_name(typed)?;
        let set = self.change_operator(&name, |operator| operator.role = role).await?;
        set.ok_or_else(|| NotDone::NoSuchOperator(name.clone()))?;
        Ok(Reply::Operator { name, what: format!("{} now", role.name()) })
    }

    pub(super) async fn remove_operator(&self, typed: &str) -> Result<Reply, NotDone> {
        // Also one who signs in at the provider.
        let openid = typed.strip_prefix(OPENID_BEGINS).and_then(operator::openid_name);
        let name = openid.map_or_else(|| operator_name(typed), Ok)?;
        if !self.store.remove_operator(&name).await? {
            return Err(NotDone::NoSuchOperator(name));
        }
        Ok(Reply::Operator { name, what: "removed".to_owned() })
    }

    /// Notes that somebody signed in at the provider, who has this role now; made if there is none of that name. False where
    /// the name is another person's.
    pub(in crate::admin) async fn openid_signed_in(
        &self,
        name: &str,
        owner: &OpenIdOwner,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, NotDone> {
        let signed_in = |operator: &mut Operator| {
            let is_theirs = operator.openid.as_ref() == Some(owner);
            if is_theirs {
                operator.role = role;
                operator.signed_in = Some(now);
            }
            is_theirs
        };
        if let Some(is_theirs) = self.change_operator(name, signed_in).await? {
            return Ok(is_theirs);
        }
        let made = Operator::of_openid(owner.clone(), role, now);
        let sealed = made.seal(name, &self.keys, self.dice.bytes());
        // Where somebody was faster, it may be another person.
        self.store.put_operator(name, sealed, 0).await?;
        Ok(self.change_operator(name, signed_in).await? == Some(true))
    }

    pub(super) async fn operators(&self) -> Result<Reply, NotDone> {
        let mut operators = Vec::new();
        for (name, sealed) in self.store.operators().await? {
            let operator = Operator::open(&sealed.bytes, &name, &self.keys);
            operators.push(OperatorRow::of(name, operator.as_ref()));
        }
        Ok(Reply::Operators { operators })
    }

    /// Changes an operator in one piece; none of that name.
    pub(in crate::admin) async fn change_operator<T>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Operator) -> T,
    ) -> Result<Option<T>, NotDone> {
        for _ in 0..AGAIN_MAX {
            let Some((mut operator, version)) = self.operator(name).await? else { return Ok(None) };
            let made = change(&mut operator);
            let sealed = operator.seal(name, &self.keys, self.dice.bytes());
            if self.store.put_operator(name, sealed, version).await? {
                return Ok(Some(made));
            }
        }
        Err(NotDone::OperatorContended(name.to_owned()))
    }

    fn operator_code(&self, name: String, code: String, now: Timestamp) -> OperatorCode {
        OperatorCode {
            name,
            code,
            until: now.after(operator::ENROLMENT_LIVES).to_string(),
            page: (self.config)().desk_page(),
        }
    }
}

fn operator_name(typed: &str) -> Result<String, NotDone> {
    operator::name(typed).filter(|name| name != By::COMMAND_LINE).ok_or_else(|| NotDone::NotAName(typed.to_owned()))
}
