//! STUB until the real room is merged.
#![allow(missing_docs)]
use crate::config::{Config, Networks};
use crate::domain::{PasswordQuality, Secret, Timestamp, Whereabouts};
use std::net::IpAddr;
#[derive(Default)]
pub struct Intel;
impl Intel {
    pub fn open(_config: &Config, _now: Timestamp) -> anyhow::Result<Self> {
        Ok(Self)
    }
    pub fn whereabouts(&self, _address: IpAddr, _networks: &Networks, _now: Timestamp) -> Whereabouts {
        Whereabouts::default()
    }
    pub fn password(&self, _password: &Secret<String>, _inputs: &[&str]) -> PasswordQuality {
        PasswordQuality::default()
    }
}
