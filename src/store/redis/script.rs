//! The scripts, each run by its digest.

use std::sync::LazyLock;

/// A script in Lua. What it is told and what it answers stands in its first lines.
pub(super) struct Script {
    /// For messages.
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    /// SHA-1 in lower-case hexadecimal digits, by which Redis knows it.
    pub(super) digest: LazyLock<String>,
}

macro_rules! scripts {
    ($($name:ident $file:literal)*) => {
        $(pub(super) static $name: Script = Script {
            name: $file,
            source: include_str!(concat!("lua/", $file, ".lua")),
            digest: LazyLock::new(|| digest(include_str!(concat!("lua/", $file, ".lua")))),
        };)*

        /// All of them.
        #[cfg(test)]
        static ALL: &[&Script] = &[$(&$name),*];
    };
}

scripts! {
    CHARGE "charge"
    REFUND "refund"
    SWAP "swap"
    SESSION_PUT "session_put"
    SESSION_TOUCH "session_touch"
    SESSION_FORGET "session_forget"
    SESSIONS_SET "sessions_set"
    LOCK "lock"
    DEVICE_KNOW "device_know"
    DEVICE_FORGET "device_forget"
    KEEP "keep"
    TAKE "take"
    FACTORS "factors"
    FLAG "flag"
    EVENTS "events"
    OPERATOR "operator"
    MARK "mark"
    CHANGES "changes"
}

fn digest(source: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, source.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lua 5.1 is what Redis and Valkey speak; nothing else of theirs is used.
    #[test]
    fn scripts_call_nothing_that_valkey_or_an_older_redis_lacks() {
        const CALLED: &[&str] = &[
            "DECRBY",
            "DEL",
            "EXISTS",
            "GET",
            "HDEL",
            "HEXISTS",
            "HGET",
            "HGETALL",
            "HINCRBY",
            "HLEN",
            "HSET",
            "INCRBY",
            "PEXPIRE",
            "SET",
            "STRLEN",
            "XADD",
            "XRANGE",
            "XREVRANGE",
            "ZADD",
            "ZCARD",
            "ZINCRBY",
            "ZRANGE",
            "ZRANGEBYSCORE",
            "ZREM",
            "ZREMRANGEBYRANK",
            "ZREMRANGEBYSCORE",
        ];
        for script in ALL {
            // A hint that may not be given must not stop what it is a hint of.
            let source = script.source.replace("redis.pcall('PUBLISH'", "");
            assert!(!source.contains("redis.pcall") && !source.contains("cjson"), "{}", script.name);
            for call in script.source.split("redis.call('").skip(1) {
                let command = call.split('\'').next().unwrap_or_default();
                assert!(CALLED.contains(&command), "{}: {command}", script.name);
            }
        }
    }
}
