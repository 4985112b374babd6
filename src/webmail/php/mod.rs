//! Reads query, urlencoded and multipart bodies and cookies exactly as PHP 8.2 does.
//!
//! A gate that reads a request otherwise than the script behind it is no gate: whoever finds the difference walks
//! through it. So nothing here is "tolerant" or "by the book"; it is what PHP's own reader does, quirks included, and a
//! differential test asks PHP itself (`tests/it/php_differential.rs`, report in `docs/php-differential.md`). What is
//! *refused* is decided by the adapters, from what is noted here beside the values: how often a variable was sent, under
//! what spelling, in what kind of parts.
//!
//! Settings of PHP that change the reading are taken as their defaults (`arg_separator.input`, `max_file_uploads`,
//! `max_input_nesting_level`, `max_multipart_body_parts`, `mbstring.encoding_translation` off); `max_input_vars` is a
//! parameter. `post_max_size` is not known here: a body above it is read by us and not by PHP, which can only make us
//! stricter.

mod cookies;
mod fields;
mod form;
mod multipart;
mod names;

pub use cookies::Cookies;
pub use fields::{Element, Fields, Spelling, Variable};
pub use form::{FilePiece, Form, FormReader, SentField};
pub(super) use names::{mangled, url_decoded};
