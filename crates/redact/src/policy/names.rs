//! Names of classes, actions and profiles, as they are written.

use std::str::FromStr;

use super::{Action, PolicyFault, Profile};
use crate::Class;

impl FromStr for Class {
    type Err = PolicyFault;

    fn from_str(name: &str) -> Result<Self, PolicyFault> {
        named("class", name, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Action {
    type Err = PolicyFault;

    fn from_str(name: &str) -> Result<Self, PolicyFault> {
        named("action", name, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Profile {
    type Err = PolicyFault;

    fn from_str(name: &str) -> Result<Self, PolicyFault> {
        named("profile", name, &Self::ALL, Self::as_str)
    }
}

fn named<T: Copy>(
    kind: &str,
    name: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, PolicyFault> {
    all.iter().copied().find(|one| as_str(*one) == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| as_str(*one)).collect();
        PolicyFault::new(format!("there is no {kind} {name}"), format!("use one of {}", names.join(", ")))
    })
}
