//! The one place where text becomes HTML, JavaScript or a header.
