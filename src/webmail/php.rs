//! Reads query, urlencoded and multipart bodies and cookies exactly as PHP does.

/// Variables of a query, as PHP makes them.
#[derive(Clone, Debug, Default)]
pub struct Fields {}

/// Variables of a Cookie header, as PHP makes them.
#[derive(Clone, Debug, Default)]
pub struct Cookies {}

/// Variables of a body, as PHP makes them.
#[derive(Clone, Debug, Default)]
pub struct Form {}
