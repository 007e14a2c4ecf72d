//! JSON Web Tokens (RFC 7519): a header begins with `{"`, which is `eyJ` in base64url.

use crate::rule::{Class, Finder, Rule};

pub(super) static RULES: &[Rule] = &[Rule::new(
    "jwt",
    super::JWT,
    "JSON Web Token (three base64url parts, the first two beginning with eyJ)",
    &["eyj"],
    Finder::Function(crate::token::find_jwt),
)
.class(Class::Session)];
