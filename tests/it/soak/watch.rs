//! What Mailward's process costs while the soak lasts.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::record::{now, percentile};
use crate::stack::between;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// One look.
#[derive(Clone, Copy)]
pub struct Look {
    at: Instant,
    memory_kib: u64,
    own_kib: u64,
    descriptors: u64,
    threads: u64,
}

/// What is usual in a part of the time, by the median of all looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usual {
    pub memory_kib: u64,
    /// Of it, what is no part of a file, such as the program and its tables.
    pub own_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// The highest, not the usual one.
    pub memory_kib_most: u64,
}

/// Looks at the process until told to stop.
pub async fn watch(pid: Arc<AtomicU32>, stop: Arc<AtomicBool>) -> Vec<Look> {
    let mut looks = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // Between two processes there is nothing to see.
        looks.extend(look(pid.load(Ordering::Relaxed)));
        tokio::time::sleep(EVERY).await;
    }
    looks
}

fn look(pid: u32) -> Option<Look> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| between(&status, name, "\n")?.split_whitespace().next()?.parse().ok();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Look {
        at: now(),
        memory_kib: number("VmRSS:")?,
        own_kib: number("RssAnon:")?,
        descriptors: u64::try_from(descriptors).unwrap_or(u64::MAX),
        threads: number("Threads:")?,
    })
}

/// What is usual from one moment to another.
pub fn usual(looks: &[Look], from: Instant, to: Instant) -> Usual {
    let within: Vec<&Look> = looks.iter().filter(|look| (from..to).contains(&look.at)).collect();
    let median = |of: fn(&Look) -> u64| {
        let mut all: Vec<u64> = within.iter().map(|look| of(look)).collect();
        all.sort_unstable();
        percentile(&all, 50)
    };
    Usual {
        memory_kib: median(|look| look.memory_kib),
        own_kib: median(|look| look.own_kib),
        descriptors: median(|look| look.descriptors),
        threads: median(|look| look.threads),
        memory_kib_most: within.iter().map(|look| look.memory_kib).max().unwrap_or(0),
    }
}
