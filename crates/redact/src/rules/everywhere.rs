//! Values that nothing but their looks gives away; for the profile `strict`.

use crate::everywhere::Everywhere;
use crate::rule::{Class, Finder, Layer, Rule};

pub(super) static RULES: &[Rule] = &[Rule::new(
    "generated-value",
    super::GENERATED_VALUE,
    "Any value that looks generated: letters of both cases and digits, hexadecimal, base64",
    &[],
    Finder::Everywhere(Everywhere::Generated),
)
.layer(Layer::Entropy)
.class(Class::Token)];
